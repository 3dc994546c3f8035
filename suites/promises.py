"""What a binding says that its library does not promise, and how results are judged then."""

import numpy as np

from ontarget.harness.binding import Binding, Case
from ontarget.harness.metrics.tolerance import Underflow
from ontarget.suites.operators.draft import FLOATS, Expected


def unpromised(binding: Binding, case: Case, promise: str) -> str | None:
    """Why the library does not promise this; a binding that says nothing promises all but memory that is shared."""
    says = getattr(binding, "unpromised", None)
    if says is not None:
        reason: str | None = says(case.op, case.dtype, promise)
        return reason
    return "its binding does not say that output and input may share memory" if promise == "in_place" else None


def promised(binding: Binding, case: Case, expected: Expected) -> Expected:
    """What the library is held to: where it promises no denormal numbers, those may be 0 on the way in and out.

    In half precision, whose smallest normal number is 6e-5, that is so of ordinary results, too.
    """
    if case.dtype not in FLOATS or (reason := unpromised(binding, case, "denormals")) is None:
        return expected
    steps = 2.0 ** np.finfo(case.output_dtype).nmant * _gain(case)  # of the smallest number: the smallest normal one
    return Expected(expected.values, Underflow(expected.tolerance, steps, reason))


def _gain(case: Case) -> float:
    """By how much inputs and weights that are lost may count in one output."""
    if "weights" not in case.tensors:
        return 1.0
    weights = np.abs(case.tensors["weights"].astype(np.float64))
    return 2.0 + float(weights.reshape(len(weights), -1).sum(axis=1).max(initial=0.0))
