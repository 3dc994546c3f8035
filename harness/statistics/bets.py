"""Bets on the sign of the next difference d, given its size and the past: what an e-process multiplies up.

A bet b in [-1, 1] on "slower" turns a wealth of 1 into 1 + b where d > 0 and into 1 - b where d < 0. Under "no change"
the sign of d is fair given |d| and the past, so the expected wealth stays 1, whatever the bets are. That each is made
from |d| and the past alone is kept by what these functions are given: `past` [..., n], pairs along the last axis, and
`size` [...], the |d| of the pair in question. They return bets [bettors, ...]. All d's are log ratios.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LARGEST_BET = 0.95

# All sizes below are in targets, log(1 + target): at a target of 2 % the shifts are 1 to 8 %, closest together
# around the target, which is where power is wanted.
SHIFTS = (0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
DAMPING = (0.75, 1.0)
STAKES = (0.3, 0.6, 0.95)
# What is believed of the spread before anything was measured, as if so many pairs had shown it.
_PRIOR_SPREAD, _PRIOR_PAIRS = 0.25, 2
# The heavy-tailed floor under the density, as a share of it.
_FLOOR_SPREAD, _FLOOR_SHARE = 1.5, 0.1
# The kernel's width: from a low quantile of the sizes, as the median of differences with two modes spans the gap
# between them; it shrinks faster with their number than for one mode (n ** -0.2), for the same reason.
_WIDTH_QUANTILE, _NORMAL_QUANTILE = 0.25, 0.3186
_WIDTH_POWER, _LEAST_WIDTH = -0.3, 0.025


def history_free_bets(past: NDArray[Any], size: NDArray[Any], target: float) -> FloatArray:
    """Bets that grow with |d| over the scale of the past, clipped; one bettor for each of `STAKES`.

    Times the sign of d they are odd and never fall with d. So their wealth is not expected to grow under any null that
    is symmetric around 0 or around something below.
    """
    prior = np.full((*size.shape, _PRIOR_PAIRS), _PRIOR_SPREAD * target)
    scale = median(np.concatenate([np.abs(past), prior], axis=-1))
    clipped = np.minimum(size, scale) / np.maximum(scale, np.finfo(float).tiny)
    return np.asarray(np.multiply.outer(np.array(STAKES), clipped))


def learned_bets(past: NDArray[Any], size: NDArray[Any], target: float, history: NDArray[Any]) -> FloatArray:
    """The likelihood ratio of a shift over its mirror image; one bettor for each of `SHIFTS` times `DAMPING`.

    The density of the differences under "no change" is learned from `history`, A/A differences [..., m >= 0], and from
    the past of this test around its median. Where the two disagree, see `EProcess`.
    """
    centred = past - median(past)[..., None] if past.shape[-1] else past
    pool = np.concatenate([np.broadcast_to(history, (*size.shape, history.shape[-1])), centred], axis=-1)
    shifts = target * np.array(SHIFTS)
    points = np.concatenate([np.subtract.outer(size, shifts), np.add.outer(size, shifts)], axis=-1)
    toward, away = np.split(_density(points, pool, target), 2, axis=-1)
    bets = np.moveaxis((toward - away) / (toward + away), -1, 0)
    damped = np.concatenate([damping * bets for damping in DAMPING])
    return np.asarray(np.clip(damped, -LARGEST_BET, LARGEST_BET))


def _density(at: FloatArray, pool: FloatArray, target: float) -> FloatArray:
    """A symmetric density learned from `pool` [..., m], at the points `at` [..., points]: kernels, a prior, a floor."""
    count = pool.shape[-1]
    kernels = np.zeros_like(at)
    if count:
        spread = np.sort(np.abs(pool), axis=-1)[..., int(_WIDTH_QUANTILE * count)] / _NORMAL_QUANTILE
        width = np.maximum(spread * count**_WIDTH_POWER, _LEAST_WIDTH * target)[..., None, None]
        points, centres = at[..., :, None] / width, pool[..., None, :] / width
        bells = np.exp(-((points - centres) ** 2) / 2) + np.exp(-((points + centres) ** 2) / 2)
        kernels = bells.sum(axis=-1) / (2 * np.sqrt(2 * np.pi) * width[..., 0])
    learned = (kernels + _PRIOR_PAIRS * _cauchy(at, _PRIOR_SPREAD * target)) / (count + _PRIOR_PAIRS)
    return np.asarray((1 - _FLOOR_SHARE) * learned + _FLOOR_SHARE * _cauchy(at, _FLOOR_SPREAD * target))


def median(values: FloatArray) -> FloatArray:
    """The medians along the last axis [..., n >= 1]; NumPy's own takes ten times as long for a few numbers."""
    ordered, count = np.sort(values, axis=-1), values.shape[-1]
    return np.asarray((ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2)


def _cauchy(at: FloatArray, spread: float) -> FloatArray:
    return np.asarray(1 / (np.pi * spread * (1 + (at / spread) ** 2)))
