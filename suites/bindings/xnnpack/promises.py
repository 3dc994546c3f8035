"""What XNNPACK does not promise of hard inputs (see `ontarget.suites.hard`), and why."""

from ontarget.suites.bindings.xnnpack.arguments import FLOATS

_CLAMPED = (
    "a result is clamped to the operator's range by instructions for the minimum and the maximum, and x86's give the "
    "limit where the result is not a number"
)
_MAXIMA = "the largest number is found by instructions for the maximum, and x86's pass over what is not a number"
_DENORMALS = (
    "operators run with denormal numbers off (pthreadpool's PTHREADPOOL_FLAG_DISABLE_DENORMALS), so that numbers below "
    "the smallest normal one are 0"
)
_SHARED = "XNNPACK's own runtime lets output and input share memory in elementwise operators only"
_UNCLAMPED = frozenset({"sigmoid", "hardswish", "channel_shuffle", "max_pool2d", "softmax"})
_ELEMENTWISE = frozenset({"add", "sigmoid", "hardswish"})


def unpromised(op: str, dtype: str, promise: str) -> str | None:
    """Why the library does not promise this, None if it does."""
    if promise == "denormals" and dtype in FLOATS:
        return _DENORMALS
    if promise == "nan" and op in ("max_pool2d", "softmax"):
        return _MAXIMA
    if promise in ("nan", "infinity") and op not in _UNCLAMPED:  # infinities of both signs add up to no number
        return _CLAMPED
    if promise == "in_place" and op not in _ELEMENTWISE:
        return _SHARED
    if promise == "empty" and op == "batch_gemm":
        return "xnn_reshape_batch_matrix_multiply_nc refuses a batch of none with xnn_status_invalid_parameter"
    return None
