"""Sums of products in float64: convolution in all its forms, and the fully connected layer."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[int, int]
Padding = tuple[int, int, int, int]

_CACHED = 1 << 15  # elements


def windows(
    padded: Array, kernel: Pair, stride: Pair, dilation: Pair, output: Pair
) -> Iterator[tuple[int, int, Array]]:
    """For each tap of the kernel, (row, column, view): what the tap sees for every output pixel, [n, oh, ow, c]."""
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            top, left = row * dilation[0], column * dilation[1]
            view = padded[
                :,
                top : top + (output[0] - 1) * stride[0] + 1 : stride[0],
                left : left + (output[1] - 1) * stride[1] + 1 : stride[1],
                :,
            ]
            yield row, column, view


def pad(x: Array, pad_tlbr: Padding, value: float = 0.0) -> Array:
    """`x` [n, h, w, c] with a border (top, left, bottom, right) of `value`."""
    top, left, bottom, right = pad_tlbr
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def output_size(size: Pair, kernel: Pair, stride: Pair, dilation: Pair, pad_tlbr: Padding) -> Pair:
    """Height and width of a convolution's or a pooling's output: as many whole windows as fit."""

    def along(axis: int) -> int:
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        return (size[axis] + pad_tlbr[axis] + pad_tlbr[axis + 2] - reach) // stride[axis] + 1

    return along(0), along(1)


def conv2d(
    x: Array,
    weights: Array,
    bias: Array,
    *,
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    pad_tlbr: Padding = (0, 0, 0, 0),
    groups: int = 1,
) -> Array:
    """Cross-correlation, as nets mean convolution: x [n, h, w, g*ci] -> [n, oh, ow, g*co].

    Weights are [g*co, kh, kw, ci], the bias [g*co].
    Group i of the outputs sees group i of the inputs only; the border holds zeros.
    """
    outputs, kernel_height, kernel_width, inputs = weights.shape
    kernel = (kernel_height, kernel_width)
    size = output_size((x.shape[1], x.shape[2]), kernel, stride, dilation, pad_tlbr)
    pixels = x.shape[0] * size[0] * size[1]
    per_group = outputs // groups
    if inputs == per_group == 1:
        return _depthwise(pad(x, pad_tlbr), weights, stride, dilation, size) + bias
    total = np.zeros((groups, pixels, per_group), dtype=x.dtype)
    taps = weights.reshape(groups, per_group, kernel_height, kernel_width, inputs)
    for row, column, view in windows(pad(x, pad_tlbr), kernel, stride, dilation, size):
        seen = view.reshape(pixels, groups, inputs).transpose(1, 0, 2)
        tap = taps[:, :, row, column, :].transpose(0, 2, 1)
        total += np.matmul(seen, tap)
    return total.transpose(1, 0, 2).reshape(x.shape[0], *size, outputs) + bias


def _depthwise(padded: Array, weights: Array, stride: Pair, dilation: Pair, size: Pair) -> Array:
    """Each channel by itself: as a batch of 1x1 products it would be many times slower."""
    total = np.zeros((padded.shape[0], *size, padded.shape[3]), dtype=padded.dtype)
    kernel = (weights.shape[1], weights.shape[2])
    # A few rows at a time, which stay in the processor's cache for all taps.
    step = max(_CACHED // (size[1] * padded.shape[3]), 1)
    for image in range(padded.shape[0]):
        for first in range(0, size[0], step):
            rows = total[image : image + 1, first : first + step]
            above = padded[image : image + 1, first * stride[0] :]
            product = np.empty_like(rows)
            for row, column, view in windows(above, kernel, stride, dilation, (rows.shape[1], size[1])):
                np.multiply(view, weights[:, row, column, 0], out=product)
                rows += product
    return total


def deconv2d(
    x: Array,
    weights: Array,
    bias: Array,
    *,
    stride: Pair = (1, 1),
    pad_tlbr: Padding = (0, 0, 0, 0),
    groups: int = 1,
) -> Array:
    """Transposed convolution: x [n, h, w, g*ci] -> [n, (h-1)*sh + kh - top - bottom, ..., g*co].

    Weights are [g*co, kh, kw, ci], the bias [g*co]: each input pixel adds the kernel, times itself, at its place.
    """
    n, height, width, _ = x.shape
    outputs, kernel_height, kernel_width, inputs = weights.shape
    whole = np.zeros(
        (n, (height - 1) * stride[0] + kernel_height, (width - 1) * stride[1] + kernel_width, outputs), x.dtype
    )
    seen = x.reshape(n * height * width, groups, inputs).transpose(1, 0, 2)
    taps = weights.reshape(groups, outputs // groups, kernel_height, kernel_width, inputs)
    for row in range(kernel_height):
        for column in range(kernel_width):
            part = np.matmul(seen, taps[:, :, row, column, :].transpose(0, 2, 1)).transpose(1, 0, 2)
            to = (slice(row, row + height * stride[0], stride[0]), slice(column, column + width * stride[1], stride[1]))
            whole[:, *to, :] += part.reshape(n, height, width, outputs)
    top, left, bottom, right = pad_tlbr
    return whole[:, top : whole.shape[1] - bottom, left : whole.shape[2] - right, :] + bias


def fully_connected(x: Array, weights: Array, bias: Array) -> Array:
    """x [m, k], weights [n, k], bias [n] -> [m, n]."""
    return x @ weights.T + bias
