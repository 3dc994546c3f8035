"""Normalisation over channels in float64; channels are the last axis."""

import numpy as np

from ontarget.suites.references.linear import Array


def local_response(x: Array, *, size: float, alpha: float, beta: float, k: float) -> Array:
    """x / (k + alpha/size * sum of squares of the `size` channels around)^beta, fewer at the edges.

    Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", in the form of Caffe, which
    divides alpha by the size.
    """
    reach = int(size) // 2
    squares = np.pad(np.square(x), [(0, 0)] * (x.ndim - 1) + [(reach, reach)])
    channels = x.shape[-1]
    total = np.sum([squares[..., shift : shift + channels] for shift in range(2 * reach + 1)], axis=0)
    normalised: Array = x / (k + alpha / size * total) ** beta
    return normalised


def layer(x: Array, weights: Array, bias: Array, *, epsilon: float) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * weights + bias over the last axis (Ba, Kiros, Hinton 2016)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    normalised: Array = centred / np.sqrt(x.var(axis=-1, keepdims=True) + epsilon) * weights + bias
    return normalised
