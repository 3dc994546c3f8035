"""What a node of a net needs: from the shapes that feed it and its own figures to a layer's attributes and weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.suites.nets.tables import BadNetError, Node
from ontarget.suites.nets.weights import Weights
from ontarget.suites.operators.embedding import ROWS
from ontarget.suites.references.linear import output_size

Shape = tuple[int, ...]

# Weights keep the size of activations from layer to layer (He et al. 2015): a ReLU takes half of the squares.
# A node's own `gain` keeps sums of branches, and what a softmax or a sigmoid is given, from growing.
_GAIN = 2.0
_BIAS = 0.1
_MULTIPLE = 4  # of scaled channel counts


@dataclass(frozen=True)
class Shapes:
    """Of the activations that feed a node, in order."""

    inputs: tuple[Shape, ...]

    @property
    def first(self) -> Shape:
        return self.inputs[0]


@dataclass(frozen=True)
class Planned:
    """`fed` are the shapes of the tensors that are activations, `weights` numbers of parts; `op` None: the node's."""

    output_shape: Shape
    attributes: Mapping[str, Any]
    fed: Mapping[str, Shape]
    weights: Mapping[str, int] = field(default_factory=dict)
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    op: str | None = None


@dataclass(frozen=True)
class _Asked:
    """What the planners of the operators see of a node."""

    figures: Mapping[str, Any]
    shapes: Shapes
    width: float
    weights: Weights
    rng: np.random.Generator

    def channels(self, key: str = "out") -> int:
        wanted: int = self.figures[key]
        if self.width == 1.0 or self.figures.get("fixed") or wanted == 1:
            return wanted
        return max(_MULTIPLE, round(wanted * self.width / _MULTIPLE) * _MULTIPLE)

    def product(self, shape: Shape, terms: int) -> dict[str, int]:
        """Weights of this shape, each output of which sums so many products, and a bias."""
        return {
            "weights": self.weights.take(shape, sqrt(_GAIN * self.figures.get("gain", 1.0) / terms)),
            "bias": self.weights.take((shape[0],), _BIAS),
        }


def plan(net: str, node: Node, shapes: Shapes, width: float, weights: Weights, rng: np.random.Generator) -> Planned:
    """Raises BadNetError for an operator that nets do not have, and for shapes that it cannot take."""
    planner = _PLANNERS.get(node.op)
    if planner is None:
        raise BadNetError(f"net {net}: {node.name} is a {node.op!r}; nets have {', '.join(_PLANNERS)}")
    try:
        return planner(_Asked(node.figures, shapes, width, weights, rng))
    except (ValueError, KeyError, IndexError) as error:
        raise BadNetError(f"net {net}: {node.name} ({node.op}) of {shapes.inputs} cannot be: {error!r}") from error


def _window(asked: _Asked) -> tuple[dict[str, Any], tuple[int, int]]:
    """Attributes of what slides over an image, and the output's height and width."""
    figures = asked.figures
    found = {
        "kernel": tuple(figures["kernel"]),
        "stride": tuple(figures.get("stride", (1, 1))),
        "dilation": tuple(figures.get("dilation", (1, 1))),
        "pad_tlbr": tuple(figures.get("pad", (0, 0, 0, 0))),
    }
    _, height, width, _ = asked.shapes.first
    size = output_size((height, width), found["kernel"], found["stride"], found["dilation"], found["pad_tlbr"])
    if min(size) < 1:
        raise ValueError(f"an output of {size}")
    return found, size


def _convolution(asked: _Asked) -> Planned:
    attributes, size = _window(asked)
    n, _, _, inputs = asked.shapes.first
    outputs, groups = asked.channels(), asked.figures.get("groups", 1)
    if groups > 1 and asked.figures["out"] == groups:  # depthwise: a group for each channel, whatever the width
        groups = inputs
    if inputs % groups or outputs % groups:
        raise ValueError(f"{groups} groups of {inputs} and {outputs} channels")
    output = (n, *size, outputs)
    attributes |= {
        "groups": groups,
        "group_input_channels": inputs // groups,
        "group_output_channels": outputs // groups,
        "input": asked.shapes.first,
        "output": output,
    }
    shape = (outputs, *attributes["kernel"], inputs // groups)
    attributes["macs"] = prod(output) * prod(shape[1:])
    return Planned(
        output, attributes, {"input": asked.shapes.first}, asked.product(shape, prod(shape[1:])), op=_kind(attributes)
    )


def _kind(attributes: Mapping[str, Any]) -> str:
    if attributes["groups"] > 1:
        each = (attributes["group_input_channels"], attributes["group_output_channels"])
        return "depthwise_conv2d" if each == (1, 1) else "grouped_conv2d"
    if attributes["kernel"] == (1, 1):
        return "pointwise_conv2d"
    return "conv1d" if attributes["kernel"][0] == 1 else "conv2d"


def _deconvolution(asked: _Asked) -> Planned:
    """Without overlap: as many taps as steps."""
    kernel, stride = tuple(asked.figures["kernel"]), tuple(asked.figures["stride"])
    n, height, width, inputs = asked.shapes.first
    outputs = asked.channels()
    output = (n, (height - 1) * stride[0] + kernel[0], (width - 1) * stride[1] + kernel[1], outputs)
    attributes = {
        "kernel": kernel, "stride": stride, "dilation": (1, 1), "pad_tlbr": (0, 0, 0, 0), "groups": 1,
        "group_input_channels": inputs, "group_output_channels": outputs,
        "input": asked.shapes.first, "output": output, "macs": prod(asked.shapes.first) * prod(kernel) * outputs,
    }  # fmt: skip
    taps = prod(-(-size // step) for size, step in zip(kernel, stride, strict=True))
    weights = asked.product((outputs, *kernel, inputs), taps * inputs)
    return Planned(output, attributes, {"input": asked.shapes.first}, weights, op="deconv2d")


def _product(asked: _Asked) -> Planned:
    m, k = asked.shapes.first
    n = asked.channels()
    attributes = {"m": m, "n": n, "k": k, "batch": 1, "macs": m * n * k}
    return Planned((m, n), attributes, {"input": (m, k)}, asked.product((n, k), k))


def _batch_product(asked: _Asked) -> Planned:
    a, b = asked.shapes.inputs
    # a softmax flattens its rows
    a = a if len(a) == len(b) else (b[0], -1, b[1])
    batch, k, n = b
    m = prod(asked.shapes.first) // (batch * k)
    attributes = {"batch": batch, "m": m, "n": n, "k": k, "macs": batch * m * n * k}
    return Planned((batch, m, n), attributes, {"input": (batch, m, k), "input2": b})


def _pooling(asked: _Asked) -> Planned:
    attributes, size = _window(asked)
    del attributes["dilation"]
    n, _, _, channels = asked.shapes.first
    output = (n, *size, channels)
    return Planned(output, {**attributes, "input": asked.shapes.first, "output": output}, {"input": asked.shapes.first})


def _global_pooling(asked: _Asked) -> Planned:
    n, _, _, channels = asked.shapes.first
    return Planned((n, 1, 1, channels), {"input": asked.shapes.first}, {"input": asked.shapes.first})


def _sum(asked: _Asked) -> Planned:
    a, b = asked.shapes.inputs
    if a != b:
        raise ValueError("a sum of unlike shapes")
    return Planned(a, {"input": a}, {"input": a, "input2": b})


def _activation(asked: _Asked) -> Planned:
    shape = asked.shapes.first
    return Planned(shape, {"input": shape}, {"input": shape})


def _layer_norm(asked: _Asked) -> Planned:
    rows, channels = asked.shapes.first
    weights = {"weights": asked.weights.take((channels,), _BIAS, 1.0), "bias": asked.weights.take((channels,), _BIAS)}
    return Planned((rows, channels), {"input": (rows, channels)}, {"input": (rows, channels)}, weights)


def _shuffle(asked: _Asked) -> Planned:
    n, height, width, channels = asked.shapes.first
    groups = asked.figures["groups"]
    if channels % groups:
        raise ValueError(f"{groups} groups of {channels} channels")
    rows = (n * height * width, channels)
    attributes = {"pixels": rows[0], "groups": groups, "group_channels": channels // groups}
    return Planned(asked.shapes.first, attributes, {"input": rows})


def _concat(asked: _Asked) -> Planned:
    shapes = asked.shapes.inputs
    if len({shape[:-1] for shape in shapes}) != 1:
        raise ValueError("only the last axes may differ")
    keys = ["input", *(f"input{number}" for number in range(2, len(shapes) + 1))]
    output = (*shapes[0][:-1], sum(shape[-1] for shape in shapes))
    return Planned(output, {"input": shapes[0]}, dict(zip(keys, shapes, strict=True)))


def _slice(asked: _Asked) -> Planned:
    shape = asked.shapes.first
    index, count = asked.figures["part"]
    channels = shape[-1] // count
    attributes = {"input": shape, "begin": index * channels, "channels": channels}
    return Planned((*shape[:-1], channels), attributes, {"input": shape})


def _reshape(asked: _Asked) -> Planned:
    """-1 is what is left, 0 the same as before."""
    shape = asked.shapes.first
    wanted = [shape[at] if size == 0 else size for at, size in enumerate(asked.figures["shape"])]
    output = tuple(prod(shape) // -prod(wanted) if size == -1 else size for size in wanted)
    if prod(output) != prod(shape):
        raise ValueError(f"read as {output}")
    return Planned(output, {"input": shape}, {"input": shape})


def _transpose(asked: _Asked) -> Planned:
    shape, order = asked.shapes.first, tuple(asked.figures["order"])
    return Planned(tuple(shape[axis] for axis in order), {"input": shape, "order": order}, {"input": shape})


def _lengths_sum(asked: _Asked) -> Planned:
    """Bags of one row or more, in tables that lie one after the other."""
    tables, dim = asked.figures["tables"], asked.figures["dim"]
    lengths = np.maximum(asked.rng.poisson(asked.figures["avg_lookups"], tables), 1).astype(np.int32)
    indices = asked.rng.integers(ROWS, size=int(lengths.sum()), dtype=np.int64)
    attributes = {"batch": 1, "tables": tables, "dim": dim, "rows": ROWS}
    weights = {"input": asked.weights.take((ROWS, dim), 1.0)}
    return Planned((tables, dim), attributes, {}, weights, {"lengths": lengths, "indices": indices})


def _interaction(asked: _Asked) -> Planned:
    batch, features, dim = asked.shapes.first
    output = (batch, features * (features - 1) // 2)
    return Planned(output, {"batch": batch, "features": features, "dim": dim}, {"input": asked.shapes.first})


def _lstm(asked: _Asked) -> Planned:
    """State and memory are the node's second and third input, else constants: those of a sentence's middle."""
    hidden, inputs = asked.channels("hidden"), prod(asked.shapes.first)
    fed = {"input": (inputs,)}
    terms = inputs + hidden
    weights = {
        "weights": asked.weights.take((4 * hidden, terms), 1 / sqrt(terms)),
        "bias": asked.weights.take((4 * hidden,), _BIAS),
    }
    if len(asked.shapes.inputs) > 1:
        fed |= {"hidden": (hidden,), "cell": (hidden,)}
    else:
        weights |= {"hidden": asked.weights.take((hidden,), 0.5), "cell": asked.weights.take((hidden,), 1.0)}
    attributes = {"hidden": hidden, "input_size": inputs, "macs": 4 * hidden * terms}
    return Planned((2, hidden), attributes, fed, weights)


_PLANNERS: Mapping[str, Callable[[_Asked], Planned]] = {
    **dict.fromkeys(("conv", "conv1d"), _convolution),
    "deconv": _deconvolution,
    "gemm": _product,
    "batch_gemm": _batch_product,
    **dict.fromkeys(("max_pool2d", "average_pool2d"), _pooling),
    "global_average_pool": _global_pooling,
    "add": _sum,
    **dict.fromkeys(("relu", "relu6", "sigmoid", "hardswish", "softmax"), _activation),
    "layer_norm": _layer_norm,
    "channel_shuffle": _shuffle,
    "concat": _concat,
    "slice": _slice,
    "reshape": _reshape,
    "transpose": _transpose,
    "sparse_lengths_sum": _lengths_sum,
    "dot_interaction": _interaction,
    "lstm_cell": _lstm,
}
