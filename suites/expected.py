"""What a case should give, and how far from it a library may be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.tolerance import Exact, FloatSum, Tolerance, Ulp, WithinLsb
from ontarget.suites.cases import CONVOLUTIONS
from ontarget.suites.references import elementwise, linear, pooling

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Expected:
    """A reference: float64 in the shape of the output (for qs8 in units of its grid, unrounded), and its tolerance."""

    values: Array
    tolerance: Tolerance


def reference(case: Case) -> Expected:
    """The case's result by the float64 references. Raises NotOffered for an operator that has none."""
    compute = _REFERENCES.get(case.op)
    if compute is None:
        raise NotOffered(f"no reference for {case.op} ({case.layer})")
    return compute(case)


def _real(case: Case, name: str) -> Array:
    """A tensor as the real numbers that it stands for."""
    stored = case.tensors[name].astype(np.float64)
    quantization = case.quantization.get(name)
    return stored if quantization is None else (stored - quantization.zero_point) * np.asarray(quantization.scale)


def _on_grid(case: Case, values: Array, *, share: float) -> Expected:
    """Real numbers in units of the output's grid."""
    output = case.quantization["output"]
    return Expected(values / np.asarray(output.scale) + output.zero_point, WithinLsb(1, share, output.zero_point))


# How many quantised outputs may be a step away. Rescaling a sum by a float or by a 31-bit fixed-point number errs by
# about 2^-23 of at most 128 steps, and ties of the two kinds of rounding fall differently: far below 1 in 1000.
_RESCALED = 1e-3
# Sums of two rescaled inputs use multipliers of only 8 to 22 bits.
_ADDED = 5e-3


def _products(case: Case) -> Expected:
    """Convolutions and the fully connected layer."""
    x, weights = _real(case, "input"), _real(case, "weights")
    if case.dtype == "qs8":
        scale = np.asarray(case.quantization["input"].scale) * np.asarray(case.quantization["weights"].scale)
        bias = case.tensors["bias"].astype(np.float64) * scale
        return _on_grid(case, _run_product(case, x, weights, bias), share=_RESCALED)
    bias = _real(case, "bias")
    values = _run_product(case, x, weights, bias)
    magnitude = _run_product(case, np.abs(x), np.abs(weights), np.abs(bias))
    terms = int(np.prod(weights.shape[1:])) + 1  # and the bias
    return Expected(values, FloatSum(terms, magnitude))


def _run_product(case: Case, x: Array, weights: Array, bias: Array) -> Array:
    if case.op not in CONVOLUTIONS:
        return linear.fully_connected(x, weights, bias)
    shape = case.attributes
    return linear.conv2d(
        x,
        weights,
        bias,
        stride=shape["stride"],
        dilation=shape["dilation"],
        pad_tlbr=shape["pad_tlbr"],
        groups=shape["groups"],
    )


def _max_pool(case: Case) -> Expected:
    """The stored values' maximum: input and output share their grid."""
    shape = case.attributes
    stored = case.tensors["input"].astype(np.float64)
    values = pooling.max_pool2d(stored, kernel=shape["kernel"], stride=shape["stride"], pad_tlbr=shape["pad_tlbr"])
    return Expected(values, Exact())


def _average_pool(case: Case) -> Expected:
    shape = case.attributes
    window = {"kernel": shape["kernel"], "stride": shape["stride"], "pad_tlbr": shape["pad_tlbr"]}
    x = _real(case, "input")
    values = pooling.average_pool2d(x, **window)
    if case.dtype == "qs8":
        return _on_grid(case, values, share=_RESCALED)
    terms = int(np.prod(shape["kernel"])) + 2  # the reciprocal of the count, and its product
    return Expected(values, FloatSum(terms, pooling.average_pool2d(np.abs(x), **window)))


def _global_average(case: Case) -> Expected:
    x = _real(case, "input")
    values = pooling.global_average_pool(x)
    if case.dtype == "qs8":
        return _on_grid(case, values, share=_RESCALED)
    terms = x.shape[1] * x.shape[2] + 2
    return Expected(values, FloatSum(terms, pooling.global_average_pool(np.abs(x))))


def _add(case: Case) -> Expected:
    values = elementwise.add(_real(case, "input"), _real(case, "input2"))
    # One correctly rounded operation.
    return _on_grid(case, values, share=_ADDED) if case.dtype == "qs8" else Expected(values, Ulp(0.5))


def _sigmoid(case: Case) -> Expected:
    values = elementwise.sigmoid(_real(case, "input"))
    # A table of 256 entries has nothing to round twice; exp, the sum 1 + e and the quotient err by 1 to 2 ULP each.
    return _on_grid(case, values, share=_RESCALED) if case.dtype == "qs8" else Expected(values, Ulp(5))


def _hardswish(case: Case) -> Expected:
    x = _real(case, "input")
    values = elementwise.hardswish(x)
    if case.dtype == "qs8":
        return _on_grid(case, values, share=_RESCALED)
    # x + 3, the constant 1/6 and two products, each rounded by at most half a unit. Libraries may divide before they
    # add: near -3 the sum then cancels, and its error is one of |x| (|x| + 3) / 6.
    return Expected(values, FloatSum(1, np.abs(x) * np.minimum(np.abs(x) + 3.0, 6.0) / 6.0, c=2.0))


def _softmax(case: Case) -> Expected:
    x = _real(case, "input")
    values = elementwise.softmax(x)
    if case.dtype == "qs8":
        return _on_grid(case, values, share=_RESCALED)
    # Rounding the shifted argument d = x - max errs by |d|/2 units in exp(d); exp, the sum of positive terms, the
    # reciprocal and the product add 1 to 2 units each, the sum in proportion to its depth in vector lanes.
    shift = np.abs(x - x.max(axis=-1, keepdims=True))
    return Expected(values, FloatSum(1, values * (8 + shift), c=1.0))


_REFERENCES: Mapping[str, Callable[[Case], Expected]] = {
    **dict.fromkeys(CONVOLUTIONS, _products),
    "gemm": _products,
    "max_pool2d": _max_pool,
    "average_pool2d": _average_pool,
    "global_average_pool": _global_average,
    "add": _add,
    "sigmoid": _sigmoid,
    "hardswish": _hardswish,
    "softmax": _softmax,
    "channel_shuffle": lambda case: Expected(
        elementwise.channel_shuffle(case.tensors["input"].astype(np.float64), groups=case.attributes["groups"]), Exact()
    ),
}
