"""Activations, sums and moves."""

import numpy as np

from ontarget.harness.binding import Case, Quantization
from ontarget.harness.metrics.tolerance import Exact, FloatSum, Ulp, Underflow, worst_of
from ontarget.suites.operators.draft import (
    SECOND_ZERO_POINT,
    Draft,
    Expected,
    Operator,
    is_quantised,
    on_grid,
    real,
)
from ontarget.suites.references import elementwise

# Sums of two rescaled inputs use multipliers of only 8 to 22 bits.
_ADDED = 5e-3

# The narrowest vectors that kernels for floats use.
_LANES = 4


def _make_sum(draft: Draft) -> None:
    shape = draft.layer.attributes["input"]
    draft.output_shape = shape
    draft.fill("input", draft.rng.standard_normal(shape))
    draft.fill("input2", 0.5 * draft.rng.standard_normal(shape), deviation=0.5, zero_point=SECOND_ZERO_POINT)
    if draft.quantised:
        draft.fit_output(float(np.hypot(1.0, 0.5)))


def _make_activation(draft: Draft) -> None:
    """Inputs on both sides of where the function bends and saturates."""
    shape = draft.layer.attributes["input"]
    draft.output_shape = shape
    deviation = 2.0 if draft.quantised else 3.0
    draft.fill("input", deviation * draft.rng.standard_normal(shape), deviation=deviation)
    if not draft.quantised:
        return
    if draft.layer.op == "hardswish":  # of any size above, as its input is
        draft.fit_output(deviation)
    else:
        # Libraries fix the grid of a sigmoid and of a softmax: all of 0 to 1 in 256 steps.
        draft.quantization["output"] = Quantization(1 / 256, draft.middle - 128)


def _make_shuffle(draft: Draft) -> None:
    pixels, groups, channels = (draft.layer.attributes[key] for key in ("pixels", "groups", "group_channels"))
    draft.output_shape = (pixels, groups * channels)
    draft.part("input", "input", draft.output_shape)


def _expect_sum(case: Case) -> Expected:
    values = elementwise.add(real(case, "input"), real(case, "input2"))
    # One correctly rounded operation.
    return on_grid(case, values, share=_ADDED) if is_quantised(case) else Expected(values, Ulp(0.5))


def _expect_sigmoid(case: Case) -> Expected:
    values = elementwise.sigmoid(real(case, "input"))
    # A table of 256 entries has nothing to round twice; exp, the sum 1 + e and the quotient err by 1 to 2 ULP each.
    return on_grid(case, values) if is_quantised(case) else Expected(values, Ulp(5))


def _expect_hardswish(case: Case) -> Expected:
    x = real(case, "input")
    values = elementwise.hardswish(x)
    if is_quantised(case):
        return on_grid(case, values)
    # x + 3, the constant 1/6 and two products, each rounded by at most half a unit. Libraries may divide before they
    # add: near -3 the sum then cancels, and its error is one of |x| (|x| + 3) / 6.
    # Where x / 6 is below the smallest normal number it errs by half a step, which is multiplied by up to 6.
    return Expected(values, Underflow(FloatSum(1, np.abs(x) * np.minimum(np.abs(x) + 3.0, 6.0) / 6.0, c=2.0), 3.0))


def _expect_softmax(case: Case) -> Expected:
    x = real(case, "input")
    values = elementwise.softmax(x)
    if is_quantised(case):
        return on_grid(case, values)
    # Rounding the shifted argument d = x - max errs by |d|/2 units in exp(d); exp, the sum of positive terms, the
    # reciprocal and the product add 1 to 2 units each. The sum errs as FloatSum says, in four lanes at least.
    shift = np.abs(x - x.max(axis=-1, keepdims=True))
    depth = x.shape[-1] / _LANES
    summed = worst_of(x.size, x.shape[-1]) / 2 * np.sqrt(depth)
    return Expected(values, FloatSum(1, values * (8 + shift + summed), c=1.0))


def _expect_shuffle(case: Case) -> Expected:
    moved = elementwise.channel_shuffle(case.tensors["input"].astype(np.float64), groups=case.attributes["groups"])
    return Expected(moved, Exact())


OPERATORS = {
    "add": Operator(_make_sum, _expect_sum),
    "sigmoid": Operator(_make_activation, _expect_sigmoid),
    "hardswish": Operator(_make_activation, _expect_hardswish),
    "softmax": Operator(_make_activation, _expect_softmax),
    "channel_shuffle": Operator(_make_shuffle, _expect_shuffle),
}
