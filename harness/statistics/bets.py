"""Bets on the sign of the next difference, given its size and the past: what an e-process multiplies up.

A bet b in [-1, 1] on "slower" turns a wealth of 1 into 1 + b where d > 0 and 1 - b where d < 0. Under "no change" the
sign of d is fair given |d| and the past, so the expected wealth stays 1 whatever the bets are, as long as each is
chosen from |d| and the past alone. Every function here takes that care for d [..., n], pairs along the last axis.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LARGEST_BET = 0.95
SHIFTS = (0.01, 0.02, 0.04, 0.08)
DAMPING = (0.5, 1.0)
STAKES = (0.3, 0.6, 0.95)
# What is known of the spread before anything was measured: as much as this many differences of this size (log units).
_PRIOR_SCALE, _PRIOR_PAIRS = 0.005, 2
_FLOOR_WEIGHT, _FLOOR_SCALE = 0.1, 0.03


def history_free_bets(d: NDArray[Any]) -> FloatArray:
    """Bets that grow with d over the scale of the past, clipped; shape [stakes, ..., n].

    As they are odd and never fall with d, they win nothing on average from any symmetric null centred at or below 0.
    """
    past = np.abs(np.asarray(d, dtype=np.float64))
    scale = np.full(past.shape, _PRIOR_SCALE)
    for i in range(1, past.shape[-1]):
        seen = np.concatenate([past[..., :i], np.full((*past.shape[:-1], _PRIOR_PAIRS), _PRIOR_SCALE)], axis=-1)
        scale[..., i] = np.maximum(np.median(seen, axis=-1), 1e-9)
    size = np.clip(past / scale, 0, 1)
    stakes = np.reshape(np.array(STAKES), (-1,) + (1,) * past.ndim)
    return np.asarray(stakes * size, dtype=np.float64)


def learned_bets(d: NDArray[Any], history: NDArray[Any] | None) -> FloatArray:
    """The likelihood ratio of a shift over its mirror image, from past differences; [shifts * dampings, ..., n]."""
    values = np.asarray(d, dtype=np.float64)
    known = np.empty(0) if history is None else np.asarray(history, dtype=np.float64)
    bets = np.zeros((len(SHIFTS), *values.shape))
    for i in range(values.shape[-1]):
        past = values[..., :i]
        centred = past - np.median(past, axis=-1, keepdims=True) if i else past
        pool = np.concatenate([np.broadcast_to(known, (*values.shape[:-1], known.size)), centred], axis=-1)
        for k, shift in enumerate(SHIFTS):
            size = np.abs(values[..., i])
            toward, away = _density(size - shift, pool), _density(size + shift, pool)
            bets[k, ..., i] = (toward - away) / (toward + away)
    return np.concatenate([np.clip(damping * bets, -LARGEST_BET, LARGEST_BET) for damping in DAMPING])


def _density(at: FloatArray, pool: FloatArray) -> FloatArray:
    """A symmetric kernel density of `pool` [..., m] at the points `at` [...], with a heavy-tailed floor."""
    floor = 1 / (np.pi * _FLOOR_SCALE * (1 + (at / _FLOOR_SCALE) ** 2))
    size = pool.shape[-1]
    if size < 2:
        narrow = 1 / (np.pi * _PRIOR_SCALE * (1 + (at / _PRIOR_SCALE) ** 2))
        return np.asarray(_FLOOR_WEIGHT * floor + (1 - _FLOOR_WEIGHT) * narrow)
    spread = 1.4826 * np.median(np.abs(pool), axis=-1, keepdims=True)
    width = np.maximum(spread * size**-0.2, 0.0005)
    kernels = sum(np.exp(-(((at[..., None] + sign * pool) / width) ** 2) / 2) for sign in (-1, 1))
    density = np.mean(kernels / (2 * width * np.sqrt(2 * np.pi)), axis=-1)
    return np.asarray(_FLOOR_WEIGHT * floor + (1 - _FLOOR_WEIGHT) * density)
