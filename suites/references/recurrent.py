"""Recurrent cells in float64."""

import numpy as np

from ontarget.suites.references.elementwise import sigmoid
from ontarget.suites.references.linear import Array


def lstm_cell(x: Array, h: Array, c: Array, weights: Array, bias: Array) -> Array:
    """One step: x [n], h and c [m], weights [4m, n+m] over (x, h), bias [4m]; gates i, f, g, o -> [2, m], new h and c.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    """
    i, f, g, o = (weights @ np.concatenate([x, h]) + bias).reshape(4, -1)
    cell = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return np.stack([sigmoid(o) * np.tanh(cell), cell])
