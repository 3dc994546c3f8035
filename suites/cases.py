"""Seeded inputs for a layer in a data type: what a binding runs and a reference computes."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.binding import Case, Quantization
from ontarget.harness.errors import NotOffered
from ontarget.suites import noise
from ontarget.suites.layers import Layer

CONVOLUTIONS = frozenset({"conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d"})
POOLS = frozenset({"max_pool2d", "average_pool2d"})
ACTIVATIONS = frozenset({"sigmoid", "hardswish", "softmax"})

# Not 0, so that a kernel that forgets a zero point is wrong.
_SECOND_ZERO_POINT = -7
_OUTPUT_ZERO_POINT = -5


@dataclass
class _Draft:
    """A case in the making."""

    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    quantization: dict[str, Quantization] = field(default_factory=dict)
    output_shape: tuple[int, ...] = ()
    output_dtype: str = "float32"


def make_case(layer: Layer, dtype: str, seed: int = 0) -> Case:
    """The layer's tensors in `dtype` (f32 or qs8), drawn from a generator seeded by layer, dtype and `seed`.

    Raises NotOffered for an operator without inputs and reference here.
    """
    make = _MAKERS.get(layer.op)
    if make is None:
        raise NotOffered(f"no inputs and no reference for {layer.op} ({layer.id})")
    draft = _Draft(output_dtype="float32" if dtype == "f32" else "int8")
    make(layer, dtype, _generator(layer.id, dtype, seed), draft)
    return Case(
        op=layer.op,
        dtype=dtype,
        layer=layer.id,
        attributes=layer.attributes,
        tensors=draft.tensors,
        output_shape=draft.output_shape,
        output_dtype=draft.output_dtype,
        quantization=draft.quantization,
    )


def _generator(layer_id: str, dtype: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{layer_id} {dtype} {seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def _convolution(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    shape = layer.attributes
    outputs = shape["groups"] * shape["group_output_channels"]
    weights = (outputs, *shape["kernel"], shape["group_input_channels"])
    draft.output_shape = shape["output"]
    _product(shape["input"], weights, dtype, rng, draft)


def _fully_connected(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    m, n, k = (layer.attributes[key] for key in ("m", "n", "k"))
    draft.output_shape = (m, n)
    _product((m, k), (n, k), dtype, rng, draft)


def _product(
    inputs: tuple[int, ...], weights: tuple[int, ...], dtype: str, rng: np.random.Generator, draft: _Draft
) -> None:
    """Operands of sums of products, and a bias of the sums' own size."""
    terms = int(np.prod(weights[1:]))
    draft.tensors["input"] = noise.part("input", dtype, inputs, rng)
    draft.tensors["weights"] = noise.part("weights", dtype, weights, rng)
    bias = rng.standard_normal(weights[0]) * np.sqrt(terms)
    if dtype == "f32":
        draft.tensors["bias"] = bias.astype(np.float32)
        return
    steps = noise.STEPS_PER_DEVIATION * noise.DEVIATION_OF_WEIGHTS
    draft.tensors["bias"] = np.rint(bias * steps / 4).astype(np.int32)
    input_scale, weights_scale = _c_float(1 / noise.STEPS_PER_DEVIATION), _c_float(1 / 127)
    draft.quantization["input"] = Quantization(input_scale, noise.ZERO_POINT)
    draft.quantization["weights"] = Quantization(weights_scale)
    _fit_output(draft, np.sqrt(terms) * steps * input_scale * weights_scale)


def _pool(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    draft.output_shape = layer.attributes["output"]
    draft.tensors["input"] = noise.part("input", dtype, layer.attributes["input"], rng)
    if dtype == "qs8":
        grid = Quantization(_c_float(1 / noise.STEPS_PER_DEVIATION), noise.ZERO_POINT)
        draft.quantization.update(input=grid, output=grid)


def _global_average(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    """Channels with means of their own: means of plain noise would all be nearly 0."""
    n, height, width, channels = layer.attributes["input"]
    draft.output_shape = (n, 1, 1, channels)
    x = rng.standard_normal((n, height, width, channels)) + 2 * rng.standard_normal((n, 1, 1, channels))
    _fill(draft, "input", x, dtype, deviation=5**0.5)
    if dtype == "qs8":
        _fit_output(draft, 2.0)


def _sum(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    shape = layer.attributes["input"]
    draft.output_shape = shape
    _fill(draft, "input", rng.standard_normal(shape), dtype)
    _fill(draft, "input2", 0.5 * rng.standard_normal(shape), dtype, deviation=0.5, zero_point=_SECOND_ZERO_POINT)
    if dtype == "qs8":
        _fit_output(draft, float(np.hypot(1.0, 0.5)))


def _activation(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    """Inputs on both sides of where the function bends and saturates."""
    shape = layer.attributes["input"]
    draft.output_shape = shape
    deviation = 3.0 if dtype == "f32" else 2.0
    _fill(draft, "input", deviation * rng.standard_normal(shape), dtype, deviation=deviation)
    if dtype == "qs8":
        # Libraries fix the grid of a sigmoid: all of 0 to 1 in 256 steps.
        draft.quantization["output"] = Quantization(1 / 256, -128)


def _shuffle(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    pixels, groups, channels = (layer.attributes[key] for key in ("pixels", "groups", "group_channels"))
    draft.output_shape = (pixels, groups * channels)
    draft.tensors["input"] = noise.part("input", dtype, draft.output_shape, rng)


_Maker = Callable[[Layer, str, np.random.Generator, _Draft], None]
_MAKERS: Mapping[str, _Maker] = {
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(ACTIVATIONS, _activation),
    "gemm": _fully_connected,
    "global_average_pool": _global_average,
    "add": _sum,
    "channel_shuffle": _shuffle,
}


def _fill(
    draft: _Draft,
    name: str,
    values: NDArray[np.float64],
    dtype: str,
    *,
    deviation: float = 1.0,
    zero_point: int = noise.ZERO_POINT,
) -> None:
    """A tensor of real `values` in the dtype; `deviation` is their standard one, which sets the grid."""
    if dtype == "f32":
        draft.tensors[name] = values.astype(np.float32)
        return
    scale = _c_float(deviation / noise.STEPS_PER_DEVIATION)
    draft.tensors[name] = np.clip(np.rint(values / scale) + zero_point, -128, 127).astype(np.int8)
    draft.quantization[name] = Quantization(scale, zero_point)


def _fit_output(draft: _Draft, deviation: float) -> None:
    """An output grid for results of this standard deviation."""
    draft.quantization["output"] = Quantization(_c_float(deviation / noise.STEPS_PER_DEVIATION), _OUTPUT_ZERO_POINT)


def _c_float(value: float) -> float:
    """The nearest value that a C float parameter carries unchanged."""
    return float(np.float32(value))
