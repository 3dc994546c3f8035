"""Activations, sums and moves in float64."""

import numpy as np

from ontarget.suites.references.linear import Array


def add(a: Array, b: Array) -> Array:
    return a + b


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), by the form that cannot overflow on either side."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def hardswish(x: Array) -> Array:
    """x * min(max(x + 3, 0), 6) / 6 (Howard et al., "Searching for MobileNetV3")."""
    return x * np.clip(x + 3.0, 0.0, 6.0) / 6.0


def softmax(x: Array) -> Array:
    """exp(x) normalised over the last axis, shifted by its largest value."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    total: Array = weights / weights.sum(axis=-1, keepdims=True)
    return total


def channel_shuffle(x: Array, *, groups: int) -> Array:
    """x [..., g*c] read as [g, c], written as [c, g] (Zhang et al., "ShuffleNet")."""
    channels = x.shape[-1] // groups
    return x.reshape(*x.shape[:-1], groups, channels).swapaxes(-1, -2).reshape(x.shape)
