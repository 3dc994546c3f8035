"""One file for each schema, `NNNN_name.py`, in a row: the newest is what this ontarget works with."""
