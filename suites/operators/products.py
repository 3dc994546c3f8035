"""Sums of products: convolution in all its forms, its transpose, and matrix products."""

from math import ceil
from typing import Any

import numpy as np

from ontarget.harness.binding import Case, Quantization
from ontarget.harness.metrics.tolerance import FloatSum
from ontarget.suites import noise
from ontarget.suites.operators.draft import Array, Draft, Expected, Operator, c_float, is_quantised, on_grid, real
from ontarget.suites.references import linear

CONVOLUTIONS = ("conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d", "conv1d")


def _make_convolution(draft: Draft) -> None:
    shape = draft.layer.attributes
    outputs = shape["groups"] * shape["group_output_channels"]
    draft.output_shape = shape["output"]
    _operands(draft, shape["input"], (outputs, *shape["kernel"], shape["group_input_channels"]))


def _make_fully_connected(draft: Draft) -> None:
    m, n, k = (draft.layer.attributes[key] for key in ("m", "n", "k"))
    draft.output_shape = (m, n)
    _operands(draft, (m, k), (n, k))


def _operands(draft: Draft, inputs: tuple[int, ...], weights: tuple[int, ...]) -> None:
    """Input, weights, and a bias of the sums' own size."""
    terms = int(np.prod(weights[1:]))
    draft.part("input", "input", inputs)
    draft.part("weights", "weights", weights)
    bias = draft.rng.standard_normal(weights[0]) * np.sqrt(terms)
    if not draft.quantised:
        draft.tensors["bias"] = bias.astype(draft.output_dtype)
        return
    steps = noise.STEPS_PER_DEVIATION * noise.DEVIATION_OF_WEIGHTS
    draft.tensors["bias"] = np.rint(bias * steps / 4).astype(np.int32)
    input_scale, weights_scale = c_float(1 / noise.STEPS_PER_DEVIATION), c_float(1 / 127)
    draft.quantization["input"] = Quantization(input_scale, noise.ZERO_POINT + draft.middle)
    draft.quantization["weights"] = Quantization(weights_scale, draft.middle)
    draft.fit_output(np.sqrt(terms) * steps * input_scale * weights_scale)


def _make_batch_gemm(draft: Draft) -> None:
    """Two activations, as in attention: no weights, no bias."""
    batch, m, n, k = (draft.layer.attributes[key] for key in ("batch", "m", "n", "k"))
    draft.output_shape = (batch, m, n)
    draft.part("input", "input", (batch, m, k))
    draft.part("input2", "weights", (batch, k, n))


def _expect_product(case: Case) -> Expected:
    x, weights = real(case, "input"), real(case, "weights")
    if is_quantised(case):
        scale = np.asarray(case.quantization["input"].scale) * np.asarray(case.quantization["weights"].scale)
        return on_grid(case, _run(case, x, weights, case.tensors["bias"].astype(np.float64) * scale))
    bias = real(case, "bias")
    values = _run(case, x, weights, bias)
    # Known to a few per cent it will do: in single precision it takes half the time.
    sizes: list[Any] = [np.abs(one).astype(np.float32) for one in (x, weights, bias)]
    magnitude = _run(case, *sizes)
    return Expected(values, FloatSum(_terms(case, weights) + 1, magnitude))  # 1: the bias


def _terms(case: Case, weights: Array) -> int:
    """Products in one output: of a transposed convolution, only the taps that meet it."""
    if case.op != "deconv2d":
        return int(np.prod(weights.shape[1:]))
    taps = [ceil(size / step) for size, step in zip(case.attributes["kernel"], case.attributes["stride"], strict=True)]
    return int(np.prod(taps)) * int(weights.shape[-1])


def _run(case: Case, x: Array, weights: Array, bias: Array) -> Array:
    shape = case.attributes
    if case.op == "deconv2d":
        where = {"stride": shape["stride"], "pad_tlbr": shape["pad_tlbr"], "groups": shape["groups"]}
        return linear.deconv2d(x, weights, bias, **where)
    if case.op not in CONVOLUTIONS:
        return linear.fully_connected(x, weights, bias)
    where = {key: shape[key] for key in ("stride", "dilation", "pad_tlbr", "groups")}
    return linear.conv2d(x, weights, bias, **where)


def _expect_batch_gemm(case: Case) -> Expected:
    a, b = real(case, "input"), real(case, "input2")
    return Expected(np.matmul(a, b), FloatSum(a.shape[-1], np.matmul(np.abs(a), np.abs(b))))


OPERATORS = {
    **dict.fromkeys(CONVOLUTIONS, Operator(_make_convolution, _expect_product)),
    "deconv2d": Operator(_make_convolution, _expect_product),
    "gemm": Operator(_make_fully_connected, _expect_product),
    "batch_gemm": Operator(_make_batch_gemm, _expect_batch_gemm, frozenset({"f32", "f16"})),
}
