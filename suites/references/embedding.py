"""Embeddings in float64."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.suites.references.linear import Array


def sparse_lengths_sum(rows: Array, indices: NDArray[Any], lengths: NDArray[Any]) -> Array:
    """Sum the rows [r, d] of each bag: the next lengths[b] of `indices` are bag b's; an empty bag is 0. [bags, d]."""
    total = np.zeros((len(lengths), rows.shape[1]))
    np.add.at(total, np.repeat(np.arange(len(lengths)), lengths), rows[indices])
    return total


def dot_interaction(x: Array) -> Array:
    """Dot products of all pairs of features [b, f, d], the lower triangle row by row: [b, f(f-1)/2].

    Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems".
    """
    i, j = np.tril_indices(x.shape[1], -1)
    products: Array = np.matmul(x, x.swapaxes(1, 2))[:, i, j]
    return products
