"""Small layers that no vector divides: of primes, one channel, one pixel, borders and steps unlike on each side."""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from ontarget.suites.layers import Layer
from ontarget.suites.operators import operators

Pair = tuple[int, int]


def _image(
    size: Pair,
    channels: int,
    kernel: Pair,
    *,
    stride: Pair,
    pad: tuple[int, ...],
    dilation: Pair = (1, 1),
    batch: int = 1,
) -> dict[str, Any]:
    reach = [step * (taps - 1) + 1 for step, taps in zip(dilation, kernel, strict=True)]
    rows, columns = ((size[axis] + pad[axis] + pad[axis + 2] - reach[axis]) // stride[axis] + 1 for axis in (0, 1))
    return {
        "input": (batch, *size, channels),
        "output": (batch, rows, columns, channels),
        "kernel": kernel,
        "stride": stride,
        "pad_tlbr": pad,
    }


def _pool(
    size: Pair, channels: int, kernel: Pair, stride: Pair, pad: tuple[int, ...], batch: int = 1
) -> dict[str, Any]:
    return _image(size, channels, kernel, stride=stride, pad=pad, batch=batch)


def _conv(
    size: Pair,
    kernel: Pair,
    groups: tuple[int, int, int],
    *,
    stride: Pair = (1, 1),
    pad: tuple[int, ...] = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    batch: int = 1,
) -> dict[str, Any]:
    """`groups`: how many, and the input and output channels of each."""
    count, inputs, outputs = groups
    shape = _image(size, count * inputs, kernel, stride=stride, pad=pad, dilation=dilation, batch=batch)
    shape["output"] = (*shape["output"][:3], count * outputs)
    more = {"groups": count, "group_input_channels": inputs, "group_output_channels": outputs}
    return {**shape, "dilation": dilation, **more}


def _deconv(
    size: Pair, kernel: Pair, groups: tuple[int, int, int], stride: Pair, pad: tuple[int, ...]
) -> dict[str, Any]:
    shape = _conv(size, (1, 1), groups)
    rows, columns = ((size[axis] - 1) * stride[axis] + kernel[axis] - pad[axis] - pad[axis + 2] for axis in (0, 1))
    output = (1, rows, columns, groups[0] * groups[2])
    return {**shape, "kernel": kernel, "stride": stride, "pad_tlbr": pad, "output": output}


_ROWS = {"primes": (3, 17), "one": (1, 1), "one_channel": (7, 1), "long": (2, 1031)}
_ALIKE = {name: {"input": shape} for name, shape in _ROWS.items()}
_POOLS = {
    "primes": _pool((7, 11), 5, (3, 2), (2, 1), (1, 0, 1, 1)),
    "one_channel": _pool((5, 3), 1, (2, 2), (1, 1), (0, 0, 0, 0)),
    "many_taps": _pool((11, 9), 19, (5, 5), (3, 2), (2, 2, 1, 0), batch=2),
}
# By operator, then by name. "primes" is there for each: what is done to values is done to it.
SHAPES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "conv2d": {
        "primes": _conv((7, 11), (3, 3), (1, 5, 7), stride=(2, 1), pad=(1, 0, 2, 1)),
        "dilated": _conv((9, 10), (3, 2), (1, 3, 4), pad=(2, 1, 1, 0), dilation=(2, 3), batch=2),
        "one": _conv((1, 1), (3, 3), (1, 1, 1), pad=(1, 1, 1, 1)),
        "border_all_round": _conv((2, 3), (5, 5), (1, 2, 3), pad=(4, 4, 4, 4)),
    },
    "pointwise_conv2d": {
        "primes": _conv((3, 5), (1, 1), (1, 13, 11)),
        "one_channel": _conv((5, 7), (1, 1), (1, 1, 1)),
        "strided": _conv((5, 7), (1, 1), (1, 3, 9), stride=(2, 3)),
    },
    "grouped_conv2d": {
        "primes": _conv((5, 7), (3, 2), (3, 5, 7), stride=(1, 2), pad=(0, 1, 1, 0)),
        "one_output": _conv((4, 5), (2, 3), (3, 5, 1)),
    },
    "depthwise_conv2d": {
        "primes": _conv((7, 11), (3, 3), (17, 1, 1), stride=(2, 1), pad=(1, 0, 2, 1)),
        "one_channel": _conv((5, 7), (3, 3), (1, 1, 1), pad=(1, 1, 1, 1)),
        "many_taps": _conv((9, 10), (5, 5), (5, 1, 1), pad=(4, 2, 0, 3), dilation=(1, 2)),
        "two_outputs": _conv((5, 4), (3, 3), (7, 1, 2), pad=(1, 1, 1, 1)),
    },
    "conv1d": {
        "primes": _conv((1, 13), (1, 3), (1, 5, 7), stride=(1, 2), pad=(0, 2, 0, 0)),
        "dilated": _conv((1, 29), (1, 3), (1, 3, 2), dilation=(1, 8), pad=(0, 16, 0, 0)),
    },
    "deconv2d": {
        "primes": _deconv((3, 5), (3, 2), (1, 5, 7), (2, 1), (1, 0, 0, 1)),
        "strided": _deconv((4, 3), (5, 4), (1, 3, 2), (3, 2), (1, 1, 2, 0)),
        "one": _deconv((1, 1), (2, 2), (1, 1, 1), (2, 2), (0, 0, 0, 0)),
    },
    "gemm": {
        "primes": {"m": 7, "n": 13, "k": 17},
        "one": {"m": 1, "n": 1, "k": 1},
        "one_output": {"m": 5, "n": 1, "k": 33},
        "deep": {"m": 2, "n": 3, "k": 1031},
    },
    "batch_gemm": {"primes": {"batch": 3, "m": 5, "n": 7, "k": 11}, "one": {"batch": 1, "m": 1, "n": 1, "k": 1}},
    "max_pool2d": {**_POOLS, "one": _pool((1, 1), 3, (2, 2), (1, 1), (0, 0, 1, 1))},
    "average_pool2d": {**_POOLS, "one": _pool((1, 1), 3, (2, 2), (1, 1), (0, 0, 1, 1))},
    "global_average_pool": {
        "primes": {"input": (2, 3, 5, 17)},
        "one": {"input": (1, 1, 1, 1)},
        "many_pixels": {"input": (1, 11, 13, 3)},
    },
    "add": {name: {"input": (1, *shape)} for name, shape in _ROWS.items()},
    "sigmoid": _ALIKE,
    "hardswish": _ALIKE,
    "softmax": _ALIKE,
    "layer_norm": {"primes": {"input": (3, 17)}, "long": {"input": (2, 1031)}},
    "lrn": {"primes": {"input": (1, 3, 2, 7)}, "one_channel": {"input": (1, 2, 2, 1)}},
    "channel_shuffle": {
        "primes": {"pixels": 5, "groups": 3, "group_channels": 7},
        "two": {"pixels": 3, "groups": 2, "group_channels": 1},
        "many_groups": {"pixels": 2, "groups": 11, "group_channels": 5},
    },
    "lstm_cell": {"primes": {"hidden": 7, "input_size": 5}, "one": {"hidden": 1, "input_size": 1}},
    "sparse_lengths_sum": {"primes": {"batch": 5, "dim": 17, "avg_lookups": 3, "rows": 31}},
    "dot_interaction": {"primes": {"batch": 3, "features": 5, "dim": 7}},
    "roi_align": {"primes": {"input": (1, 11, 13, 5), "rois": 3, "output": (3, 3, 2, 5), "sampling_ratio": 2}},
    "nms": {"primes": {"boxes": 37, "iou": 0.5}},
}


def layer_of(op: str, shape: str) -> Layer:
    """The layer `shape` of an operator, as those of the tables are; its id is hard_OPERATOR_SHAPE."""
    return _layer(op, shape, SHAPES[op][shape])


def without_batch(op: str) -> Layer:
    """The operator's layer of primes with no image, or no row, in it."""
    attributes = dict(SHAPES[op]["primes"])
    for key in ("m", "pixels", "batch"):
        if key in attributes:
            attributes[key] = 0
            break
    else:
        attributes.update({key: (0, *attributes[key][1:]) for key in ("input", "output") if key in attributes})
    return _layer(op, "empty", attributes)


@cache
def shapes() -> tuple[tuple[str, str], ...]:
    """(operator, shape) of all that are here."""
    return tuple(_pairs())


def _pairs() -> Iterator[tuple[str, str]]:
    for op in operators():
        for shape in SHAPES[op]:
            yield op, shape


def _layer(op: str, shape: str, attributes: Mapping[str, Any]) -> Layer:
    return Layer(
        id=f"hard_{op}_{shape}",
        application="hard",
        net="none",
        name=shape,
        op=op,
        source_dtypes=(),
        attributes=MappingProxyType(dict(attributes)),
        macs=0,
        source="made to be hard",
        provenance="derived",
    )
