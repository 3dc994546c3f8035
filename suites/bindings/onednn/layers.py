"""How each operator of the suites is said to oneDNN: which operation, on which operands.

Tensors are described as they lie, NHWC by strides of the library's NCHW; weights are given in the layout that the
library picks, before anything is measured, as its documentation asks of users.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.process import Bound, Buffer
from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered
from ontarget.suites.bindings.onednn.primitives import (
    BIAS,
    FORWARD_INFERENCE,
    SCALE,
    SHIFT,
    SOURCE,
    SOURCE_2,
    SOURCE_3,
    TARGET,
    TARGET_2,
    TARGET_3,
    WEIGHTS,
    WEIGHTS_2,
    Operand,
    Primitives,
    dense,
)
from ontarget.suites.operators.normalisation import EPSILON, LRN

# Algorithms, by dnnl_types.h.
_CONVOLUTION, _DECONVOLUTION = 3, 10  # whichever is the fastest; direct
_MAX, _AVERAGE_OF_IMAGE = 511, 1023  # the border does not count
_RELU, _CLIP, _HARDSWISH, _LOGISTIC = 31, 255, 112, 175
_ADD, _ACROSS_CHANNELS = 131056, 2815
_LEFT_TO_RIGHT = 0
_SCALE_AND_SHIFT = 8 | 16

_MIDDLE_OF_U8 = 128


@dataclass(frozen=True)
class Place:
    """A case in a process: what it reads and writes there."""

    make: Primitives
    case: Case
    inputs: Mapping[str, Buffer]
    output: Buffer

    def tensor(self, key: str) -> Buffer:
        """An operand that is no input; 8-bit weights are signed ones."""
        stored = self.case.tensors[key]
        if key == "weights" and self.case.dtype == "qu8":
            stored = (stored.astype(np.int16) - _MIDDLE_OF_U8).astype(np.int8)
        return self.make.library.buffer(stored, name=key)

    def shape(self, key: str) -> tuple[int, ...]:
        """An input's: its buffer may be another layer's output, which has its own."""
        return self.case.tensors[key].shape

    def rows(self, key: str = "input") -> Operand:
        """An input, all but the last axis as one."""
        *many, channels = self.shape(key)
        return self.make.operand(self.inputs[key], (prod(many), channels))

    def rows_out(self) -> Operand:
        """The output, likewise."""
        *many, channels = self.case.output_shape
        return self.make.operand(self.output, (prod(many), channels))

    def image(self, where: Buffer, shape: tuple[int, ...]) -> Operand:
        """NHWC."""
        n, h, w, c = shape
        return self.make.operand(where, (n, c, h, w), (h * w * c, 1, w * c, c))

    def step(self, key: str) -> float:
        """A tensor's scale. Raises NotOffered for one per channel, which no layer has yet."""
        scale = self.case.quantization[key].scale
        if isinstance(scale, tuple):
            raise NotOffered(f"{self.case.layer}: the binding of oneDNN takes one scale for all channels")
        return scale

    def numbers(self, *values: int) -> NDArray[np.int64]:
        return np.array(values, np.int64)


Layer = Callable[[Place], Bound]


@dataclass(frozen=True)
class Operator:
    """`function` is the one that the library has to have for it, `prepare` makes the call."""

    function: str
    prepare: Layer
    dtypes: tuple[str, ...] = ("f32",)


def _convolution(function: str, algorithm: int) -> Layer:
    def prepare(at: Place) -> Bound:
        make, shape = at.make, at.case.attributes
        groups, ci, co = (shape[key] for key in ("groups", "group_input_channels", "group_output_channels"))
        (kh, kw), (top, left, bottom, right) = shape["kernel"], shape["pad_tlbr"]
        weights, bias = at.tensor("weights"), at.tensor("bias")
        stored = make.operand(weights, (groups, co, ci, kh, kw), (co * kh * kw * ci, kh * kw * ci, 1, kw * ci, ci))
        x, y = at.image(at.inputs["input"], shape["input"]), at.image(at.output, at.case.output_shape)
        b = make.operand(bias, (groups * co,))
        likes = make.as_it_likes((groups, co, ci, kh, kw), weights.dtype)
        described = make.describe(
            function,
            *(FORWARD_INFERENCE, algorithm, x.description, likes, b.description, y.description),
            at.numbers(*shape["stride"]),
            at.numbers(*(step - 1 for step in shape.get("dilation", (1, 1)))),
            at.numbers(top, left),
            at.numbers(bottom, right),
            attributes=_grids(at),
        )
        operands = {SOURCE: x, WEIGHTS: make.packed(described, stored), BIAS: b, TARGET: y}
        return make.execution(described, operands)

    return prepare


def _grids(at: Place) -> Buffer | None:
    """Of a sum of products: scales and zero points of input and output; weights are symmetric."""
    grids = at.case.quantization
    if not grids:
        return None
    scale = at.step("input") * at.step("weights") / at.step("output")
    points = {SOURCE: grids["input"].zero_point, TARGET: grids["output"].zero_point}
    return at.make.on_grid(scale=scale, zero_points=points)


def _fully_connected(at: Place) -> Bound:
    """An inner product; of 8 bits a matrix product, which alone knows zero points."""
    make = at.make
    weights, bias = at.tensor("weights"), at.tensor("bias")
    n, k = at.case.tensors["weights"].shape
    x, y = at.rows(), at.rows_out()
    if not at.case.quantization:
        stored, b = make.operand(weights, (n, k)), make.operand(bias, (n,))
        likes = make.as_it_likes((n, k), weights.dtype)
        operation = x.description, likes, b.description, y.description
        described = make.describe("dnnl_inner_product_forward_desc_init", FORWARD_INFERENCE, *operation)
    else:
        stored, b = make.operand(weights, (k, n), (1, k)), make.operand(bias, (1, n))
        likes = make.as_it_likes((k, n), weights.dtype)
        operation = x.description, likes, b.description, y.description
        described = make.describe("dnnl_matmul_desc_init", *operation, attributes=_grids(at))
    return make.execution(described, {SOURCE: x, WEIGHTS: make.packed(described, stored), BIAS: b, TARGET: y})


def _batch_product(at: Place) -> Bound:
    a, b = (at.make.operand(at.inputs[key], at.shape(key)) for key in ("input", "input2"))
    y = at.make.operand(at.output, at.case.output_shape)
    described = at.make.describe("dnnl_matmul_desc_init", a.description, b.description, None, y.description)
    return at.make.execution(described, {SOURCE: a, WEIGHTS: b, TARGET: y})


def _pool(algorithm: int) -> Layer:
    def prepare(at: Place) -> Bound:
        shape = at.case.attributes
        top, left, bottom, right = shape["pad_tlbr"]
        return _pooled(at, algorithm, shape["kernel"], shape["stride"], ((top, left), (bottom, right)))

    return prepare


def _global_average(at: Place) -> Bound:
    """A window as large as the image."""
    image = at.case.attributes["input"][1:3]
    return _pooled(at, _AVERAGE_OF_IMAGE, image, (1, 1), ((0, 0), (0, 0)))


def _pooled(
    at: Place,
    algorithm: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    border: tuple[tuple[int, int], tuple[int, int]],
) -> Bound:
    """Of 8 bits, from the input's grid to the output's by a last step where they differ."""
    x = at.image(at.inputs["input"], at.case.attributes["input"])
    y = at.image(at.output, at.case.output_shape)
    window = [at.numbers(*pair) for pair in (stride, kernel, *border)]
    operation = FORWARD_INFERENCE, algorithm, x.description, y.description, *window
    attributes, grids = None, at.case.quantization
    if grids and grids["input"] != grids["output"]:
        ratio = at.step("input") / at.step("output")
        offset = grids["output"].zero_point - ratio * grids["input"].zero_point
        attributes = at.make.on_grid(line=(ratio, offset))
    described = at.make.describe("dnnl_pooling_forward_desc_init", *operation, attributes=attributes)
    return at.make.execution(described, {SOURCE: x, TARGET: y})


def _sum(at: Place) -> Bound:
    """Of 8 bits: both scaled to the output's steps, and all zero points in one last step."""
    a, b, y = at.rows("input"), at.rows("input2"), at.rows_out()
    attributes, grids = None, at.case.quantization
    if grids:
        first, second = (at.step(key) / at.step("output") for key in ("input", "input2"))
        moved = first * grids["input"].zero_point + second * grids["input2"].zero_point
        line = 1.0, grids["output"].zero_point - moved
        attributes = at.make.on_grid(scales={SOURCE: first, SOURCE_2: second}, line=line)
    sides = a.description, b.description, y.description
    described = at.make.describe("dnnl_binary_desc_init", _ADD, *sides, attributes=attributes)
    return at.make.execution(described, {SOURCE: a, SOURCE_2: b, TARGET: y})


def _curve(algorithm: int, alpha: float = 0.0, beta: float = 0.0) -> Layer:
    def prepare(at: Place) -> Bound:
        x, y = at.rows(), at.rows_out()
        operation = FORWARD_INFERENCE, algorithm, x.description, alpha, beta
        described = at.make.describe("dnnl_eltwise_forward_desc_init", *operation)
        return at.make.execution(described, {SOURCE: x, TARGET: y})

    return prepare


def _softmax(at: Place) -> Bound:
    x, y = at.rows(), at.rows_out()
    described = at.make.describe("dnnl_softmax_forward_desc_init", FORWARD_INFERENCE, x.description, 1)
    return at.make.execution(described, {SOURCE: x, TARGET: y})


def _shuffle(at: Place) -> Bound:
    x, y = at.rows(), at.rows_out()
    size = at.case.attributes["group_channels"]
    described = at.make.describe("dnnl_shuffle_forward_desc_init", FORWARD_INFERENCE, x.description, 1, size)
    return at.make.execution(described, {SOURCE: x, TARGET: y})


def _lrn(at: Place) -> Bound:
    shape = at.case.attributes["input"]
    x, y = at.image(at.inputs["input"], shape), at.image(at.output, shape)
    figures = int(LRN["size"]), LRN["alpha"], LRN["beta"], LRN["k"]
    described = at.make.describe(
        "dnnl_lrn_forward_desc_init", FORWARD_INFERENCE, _ACROSS_CHANNELS, x.description, *figures
    )
    return at.make.execution(described, {SOURCE: x, TARGET: y})


def _layer_norm(at: Place) -> Bound:
    x, y = at.rows(), at.rows_out()
    channels = at.case.output_shape[-1]
    scale, shift = (at.make.operand(at.tensor(key), (channels,)) for key in ("weights", "bias"))
    operation = FORWARD_INFERENCE, x.description, None, EPSILON, _SCALE_AND_SHIFT
    described = at.make.describe("dnnl_layer_normalization_forward_desc_init", *operation)
    return at.make.execution(described, {SOURCE: x, SCALE: scale, SHIFT: shift, TARGET: y})


def _lstm(at: Place) -> Bound:
    """One step, one layer, one direction; gates are in the library's order.

    The suites' one matrix is cut in two: not for all processors has the library a function that packs a part of it.
    """
    make, attributes = at.make, at.case.attributes
    hidden, inputs = attributes["hidden"], attributes["input_size"]
    bias, whole = at.tensor("bias"), at.case.tensors["weights"]
    stored, likes = [], []
    for part in (whole[:, :inputs], whole[:, inputs:]):
        size = part.shape[1]
        dimensions = 1, 1, size, 4, hidden  # layers, directions, inputs, gates, outputs
        cut = make.library.buffer(np.ascontiguousarray(part), name="weights")
        stored.append(make.operand(cut, dimensions, (4 * hidden * size, 4 * hidden * size, 1, hidden * size, size)))
        likes.append(make.as_it_likes(dimensions, part.dtype))
    x = make.operand(at.inputs["input"], (1, 1, inputs))
    h, c = (make.operand(at.tensor(key), (1, 1, 1, hidden)) for key in ("hidden", "cell"))
    b = make.operand(bias, (1, 1, 4, hidden))
    y = make.operand(at.output, (1, 1, hidden))
    state = make.scratch((1, 1, 1, hidden), whole.dtype)
    cell = make.operand(at.output.at(hidden), (1, 1, 1, hidden))
    described = make.describe(
        "dnnl_lstm_forward_desc_init",
        *(FORWARD_INFERENCE, _LEFT_TO_RIGHT, x.description, h.description, c.description, *likes),
        *(b.description, y.description, state.description, cell.description, 0),
    )
    packed = [make.packed(described, one, index) for index, one in enumerate(stored)]
    given = {SOURCE: x, SOURCE_2: h, SOURCE_3: c, WEIGHTS: packed[0], WEIGHTS_2: packed[1], BIAS: b}
    return make.execution(described, {**given, TARGET: y, TARGET_2: state, TARGET_3: cell})


def _transpose(at: Place) -> Bound:
    order = at.case.attributes["order"]
    shape = at.shape("input")
    lies = dense(shape)
    source = at.make.operand(at.inputs["input"], [shape[axis] for axis in order], [lies[axis] for axis in order])
    return at.make.moved(source, at.make.operand(at.output, at.case.output_shape))


def _slice(at: Place) -> Bound:
    rows, channels = prod(at.case.output_shape[:-1]), at.case.output_shape[-1]
    x, stride = at.inputs["input"].at(at.case.attributes["begin"]), at.case.attributes["input"][-1]
    return at.make.moved(at.make.operand(x, (rows, channels), (stride, 1)), at.rows_out())


def _concat(at: Place) -> Bound:
    rows, whole, start, parts = prod(at.case.output_shape[:-1]), at.case.output_shape[-1], 0, {}
    for key in at.inputs:
        channels = at.shape(key)[-1]
        target = at.make.operand(at.output.at(start), (rows, channels), (whole, 1))
        parts[key] = at.make.moved(at.rows(key), target)
        start += channels
    return at.make.library.chain("concat", parts)


_GRIDS = ("f32", "qs8", "qu8")
_CONV = Operator(
    "dnnl_dilated_convolution_forward_desc_init",
    _convolution("dnnl_dilated_convolution_forward_desc_init", _CONVOLUTION),
    _GRIDS,
)
_DECONV = "dnnl_dilated_deconvolution_forward_desc_init"
_POOLING, _ELTWISE = "dnnl_pooling_forward_desc_init", "dnnl_eltwise_forward_desc_init"
_REORDER = "dnnl_reorder_primitive_desc_create"
OPERATORS: Mapping[str, Operator] = {
    **dict.fromkeys(("conv1d", "conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d"), _CONV),
    "deconv2d": Operator(_DECONV, _convolution(_DECONV, _DECONVOLUTION), _GRIDS),
    "gemm": Operator("dnnl_inner_product_forward_desc_init", _fully_connected, _GRIDS),
    "batch_gemm": Operator("dnnl_matmul_desc_init", _batch_product),
    "max_pool2d": Operator(_POOLING, _pool(_MAX), _GRIDS),
    "average_pool2d": Operator(_POOLING, _pool(_AVERAGE_OF_IMAGE), _GRIDS),
    "global_average_pool": Operator(_POOLING, _global_average, _GRIDS),
    "add": Operator("dnnl_binary_desc_init", _sum, _GRIDS),
    "sigmoid": Operator(_ELTWISE, _curve(_LOGISTIC)),
    "hardswish": Operator(_ELTWISE, _curve(_HARDSWISH)),
    "relu": Operator(_ELTWISE, _curve(_RELU)),
    "relu6": Operator(_ELTWISE, _curve(_CLIP, 0.0, 6.0)),
    "softmax": Operator("dnnl_softmax_forward_desc_init", _softmax),
    "channel_shuffle": Operator("dnnl_shuffle_forward_desc_init", _shuffle, _GRIDS),
    "lrn": Operator("dnnl_lrn_forward_desc_init", _lrn),
    "layer_norm": Operator("dnnl_layer_normalization_forward_desc_init", _layer_norm),
    "lstm_cell": Operator("dnnl_lstm_forward_desc_init", _lstm),
    "transpose": Operator(_REORDER, _transpose),
    "slice": Operator(_REORDER, _slice),
    "concat": Operator(_REORDER, _concat),
}
