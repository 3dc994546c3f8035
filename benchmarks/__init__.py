"""Measurements side by side in one run, each with its own table: `tox run -e bench`."""
