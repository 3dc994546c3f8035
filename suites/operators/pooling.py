"""Pooling: what takes the windows of an image together."""

from math import prod

import numpy as np

from ontarget.harness.binding import Case, Quantization
from ontarget.harness.metrics.tolerance import Exact, FloatSum
from ontarget.suites import noise
from ontarget.suites.operators.draft import Draft, Expected, Operator, c_float, is_quantised, on_grid, real
from ontarget.suites.references import pooling


def _make_window(draft: Draft) -> None:
    draft.output_shape = draft.layer.attributes["output"]
    draft.part("input", "input", draft.layer.attributes["input"])
    if draft.quantised:
        grid = Quantization(c_float(1 / noise.STEPS_PER_DEVIATION), noise.ZERO_POINT + draft.middle)
        draft.quantization.update(input=grid, output=grid)


def _make_global(draft: Draft) -> None:
    """Channels with means of their own: means of plain noise would all be nearly 0."""
    n, height, width, channels = draft.layer.attributes["input"]
    draft.output_shape = (n, 1, 1, channels)
    x = draft.rng.standard_normal((n, height, width, channels)) + 2 * draft.rng.standard_normal((n, 1, 1, channels))
    draft.fill("input", x, deviation=5**0.5)
    if draft.quantised:
        draft.fit_output(2.0)


def _expect_max(case: Case) -> Expected:
    """The stored values' maximum: input and output share their grid."""
    shape = case.attributes
    stored = case.tensors["input"].astype(np.float64)
    values = pooling.max_pool2d(stored, kernel=shape["kernel"], stride=shape["stride"], pad_tlbr=shape["pad_tlbr"])
    return Expected(values, Exact())


def _expect_average(case: Case) -> Expected:
    shape = case.attributes
    window = {"kernel": shape["kernel"], "stride": shape["stride"], "pad_tlbr": shape["pad_tlbr"]}
    x = real(case, "input")
    values = pooling.average_pool2d(x, **window)
    if is_quantised(case):
        return on_grid(case, values)
    terms = prod(shape["kernel"]) + 2  # the reciprocal of the count, and its product
    return Expected(values, FloatSum(terms, pooling.average_pool2d(np.abs(x), **window)))


def _expect_global(case: Case) -> Expected:
    x = real(case, "input")
    values = pooling.global_average_pool(x)
    if is_quantised(case):
        return on_grid(case, values)
    terms = x.shape[1] * x.shape[2] + 2
    return Expected(values, FloatSum(terms, pooling.global_average_pool(np.abs(x))))


OPERATORS = {
    "max_pool2d": Operator(_make_window, _expect_max),
    "average_pool2d": Operator(_make_window, _expect_average),
    "global_average_pool": Operator(_make_global, _expect_global),
}
