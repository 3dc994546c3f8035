"""Inputs that hurt: values, sizes and places in memory at which kernels are wrong that are right on everything else.

`shapes` has small layers of every operator, of sizes that no vector divides; `hardships` says what is done to them,
and how the result is judged then. What a library does not promise its binding says, with the reason, by a function

    def unpromised(op, dtype, promise):
        return "a comparison with NaN is false, so that it loses" if (op, promise) == ("max_pool2d", "nan") else None

Results that are not promised are not judged; all others of the same run are, and that it neither crashes nor strays.
"""
