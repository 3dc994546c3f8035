"""What oneDNN does not promise of hard inputs (see `ontarget.suites.hard`), and why."""

_MAXIMA = "the largest number is found by instructions for the maximum, and x86's pass over what is not a number"
_SMALL = "its exponential in vectors gives 0 below the logarithm of the smallest normal number"
_SHARED = "its documentation lets output and input share memory in elementwise operations, sums and softmax only"
_IN_PLACE = frozenset({"add", "sigmoid", "hardswish", "softmax", "relu", "relu6"})


def unpromised(op: str, dtype: str, promise: str) -> str | None:
    """Why the library does not promise this, None if it does."""
    del dtype
    if promise == "nan" and op in ("max_pool2d", "softmax"):
        return _MAXIMA
    if promise == "denormals" and op in ("sigmoid", "softmax"):
        return _SMALL
    if promise == "in_place" and op not in _IN_PLACE:
        return _SHARED
    return None
