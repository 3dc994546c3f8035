"""Seeded inputs for a layer in a data type: what a binding runs and a reference computes."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.binding import Case, Quantization
from ontarget.harness.errors import NotOffered
from ontarget.suites.layers import Layer

CONVOLUTIONS = frozenset({"conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d"})
POOLS = frozenset({"max_pool2d", "average_pool2d"})
ACTIVATIONS = frozenset({"sigmoid", "hardswish", "softmax"})

# Standard deviations that fit between zero and the end of a quantised range: 1 value in 16,000 of a normal
# distribution lies beyond, so that saturation is tested and does not hide the rest.
_SIGMAS_IN_RANGE = 4.0

# Not 0, so that a kernel that forgets a zero point is wrong.
_INPUT_ZERO_POINT = 3
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
    """Operands of sums of products, whose outputs have a standard deviation of about 1."""
    terms = int(np.prod(weights[1:]))
    if dtype == "f32":
        x = rng.standard_normal(inputs, dtype=np.float32)
        w = rng.standard_normal(weights, dtype=np.float32) / np.float32(np.sqrt(terms))
        draft.tensors.update(input=x, weights=w, bias=rng.standard_normal(weights[0], dtype=np.float32))
        return
    x8, input_scale = _quantized_normal(rng, inputs, draft, "input", _INPUT_ZERO_POINT)
    w8 = rng.integers(-127, 128, size=weights, dtype=np.int8)
    weights_scale = _c_float(1.0 / 127)
    deviation = np.sqrt(terms) * _spread(x8, _INPUT_ZERO_POINT) * _spread(w8, 0)
    bias = np.rint(rng.standard_normal(weights[0]) * deviation / 4).astype(np.int32)
    draft.tensors.update(input=x8, weights=w8, bias=bias)
    draft.quantization["weights"] = Quantization(weights_scale)
    reach = _SIGMAS_IN_RANGE * float(deviation) * input_scale * weights_scale
    draft.quantization["output"] = Quantization(_c_float(reach / 127), _OUTPUT_ZERO_POINT)


def _pool(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    draft.output_shape = layer.attributes["output"]
    if dtype == "f32":
        draft.tensors["input"] = rng.standard_normal(layer.attributes["input"], dtype=np.float32)
    else:
        _quantized_normal(rng, layer.attributes["input"], draft, "input", _INPUT_ZERO_POINT)
        draft.quantization["output"] = draft.quantization["input"]


def _global_average(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    """Channels with means of their own: means of plain noise would all be nearly 0."""
    n, height, width, channels = layer.attributes["input"]
    draft.output_shape = (n, 1, 1, channels)
    x = rng.standard_normal((n, height, width, channels)) + 2 * rng.standard_normal((n, 1, 1, channels))
    if dtype == "f32":
        draft.tensors["input"] = x.astype(np.float32)
    else:
        scale = _c_float(_SIGMAS_IN_RANGE * np.sqrt(5.0) / 127)
        _quantize(x, scale, draft, "input", _INPUT_ZERO_POINT)
        draft.quantization["output"] = Quantization(_c_float(scale * 0.75), _OUTPUT_ZERO_POINT)


def _sum(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    shape = layer.attributes["input"]
    draft.output_shape = shape
    if dtype == "f32":
        draft.tensors["input"] = rng.standard_normal(shape, dtype=np.float32)
        draft.tensors["input2"] = rng.standard_normal(shape, dtype=np.float32)
    else:
        _quantized_normal(rng, shape, draft, "input", _INPUT_ZERO_POINT)
        _quantized_normal(rng, shape, draft, "input2", _SECOND_ZERO_POINT, deviation=0.5)
        reach = _SIGMAS_IN_RANGE * np.hypot(1.0, 0.5)
        draft.quantization["output"] = Quantization(_c_float(reach / 127), _OUTPUT_ZERO_POINT)


def _activation(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    """Inputs on both sides of where the function bends and saturates."""
    shape = layer.attributes["input"]
    draft.output_shape = shape
    if dtype == "f32":
        draft.tensors["input"] = 3 * rng.standard_normal(shape, dtype=np.float32)
    else:
        _quantized_normal(rng, shape, draft, "input", _INPUT_ZERO_POINT, deviation=2.0)
        # Libraries fix the grid of a sigmoid: all of 0 to 1 in 256 steps.
        draft.quantization["output"] = Quantization(1 / 256, -128)


def _shuffle(layer: Layer, dtype: str, rng: np.random.Generator, draft: _Draft) -> None:
    pixels, groups, channels = (layer.attributes[key] for key in ("pixels", "groups", "group_channels"))
    draft.output_shape = (pixels, groups * channels)
    if dtype == "f32":
        draft.tensors["input"] = rng.standard_normal(draft.output_shape, dtype=np.float32)
    else:
        draft.tensors["input"] = rng.integers(-128, 128, size=draft.output_shape, dtype=np.int8)


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


def _quantized_normal(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    draft: _Draft,
    name: str,
    zero_point: int,
    deviation: float = 1.0,
) -> tuple[NDArray[np.int8], float]:
    scale = _c_float(_SIGMAS_IN_RANGE * deviation / 127)
    values = rng.standard_normal(shape, dtype=np.float32) * deviation
    return _quantize(values, scale, draft, name, zero_point), scale


def _quantize(values: NDArray[Any], scale: float, draft: _Draft, name: str, zero_point: int) -> NDArray[np.int8]:
    stored: NDArray[np.int8] = np.clip(np.rint(values / scale) + zero_point, -128, 127).astype(np.int8)
    draft.tensors[name] = stored
    draft.quantization[name] = Quantization(scale, zero_point)
    return stored


def _spread(stored: NDArray[np.int8], zero_point: int) -> float:
    return float(np.sqrt(np.mean(np.square(stored.astype(np.float32) - zero_point))))


def _c_float(value: float) -> float:
    """The nearest value that a C float parameter carries unchanged."""
    return float(np.float32(value))
