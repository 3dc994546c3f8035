"""Pooling in float64, on [n, h, w, c]."""

import numpy as np

from ontarget.suites.references.linear import Array, Padding, Pair, output_size, pad, windows


def max_pool2d(x: Array, *, kernel: Pair, stride: Pair, pad_tlbr: Padding = (0, 0, 0, 0)) -> Array:
    """The largest of each window; the border never wins."""
    size = output_size((x.shape[1], x.shape[2]), kernel, stride, (1, 1), pad_tlbr)
    views = windows(pad(x, pad_tlbr, -np.inf), kernel, stride, (1, 1), size)
    largest: Array = np.maximum.reduce([view for _, _, view in views])
    return largest


def average_pool2d(x: Array, *, kernel: Pair, stride: Pair, pad_tlbr: Padding = (0, 0, 0, 0)) -> Array:
    """The mean over each window's pixels inside the image: the border is not counted."""
    size = output_size((x.shape[1], x.shape[2]), kernel, stride, (1, 1), pad_tlbr)
    inside = np.ones((1, x.shape[1], x.shape[2], 1))
    total = np.zeros((x.shape[0], *size, x.shape[3]))
    count = np.zeros((1, *size, 1))
    for _, _, view in windows(pad(x, pad_tlbr), kernel, stride, (1, 1), size):
        total += view
    for _, _, view in windows(pad(inside, pad_tlbr), kernel, stride, (1, 1), size):
        count += view
    return total / count


def global_average_pool(x: Array) -> Array:
    """The mean over all pixels: [n, h, w, c] -> [n, 1, 1, c]."""
    mean: Array = x.mean(axis=(1, 2), keepdims=True)
    return mean
