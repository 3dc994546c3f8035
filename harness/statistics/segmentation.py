"""Cutting a series of log values into levels: winsorising, noise that remembers, optimal partitioning.

Jackson et al. 2005, "An algorithm for optimal partitioning of data on an interval". PELT (Killick et al. 2012) adds a
pruning that is not exact where segments have a least length; on a few thousand points nothing is won by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_LENGTH = 4  # points of a level
_WINDOW, _CLIP = 11, 3.5  # of the running median; in robust standard deviations around it
_MAD = 1.4826  # of a normal: standard deviation / median absolute deviation
_OUTLYING = 6.0  # robust standard deviations: a few points off any level must not be taken for memory
_FIRST_PENALTY, _PENALTY = 5.0, 1.5  # times variance times log(points), per change
_FITS = 4
_MOST_MEMORY = 0.95


@dataclass(frozen=True)
class Noise:
    """What is left when the levels are taken out: variance of a point, and how much longer-lived the noise is.

    The variance of a mean of n points is variance * inflation / n; `inflation` is 1 for white noise, and
    (1 + r) / (1 - r) for an AR(1) with autocorrelation r.
    """

    variance: float
    inflation: float

    @property
    def of_a_mean(self) -> float:
        """The variance of the mean of n points, times n."""
        return self.variance * self.inflation


def resolution(x: FloatArray) -> float:
    """The standard deviation that rounding alone gives: values that are told in steps are not free of noise."""
    gaps = np.diff(np.unique(x))
    gaps = gaps[gaps > 1e-9]  # smaller ones are how a float was computed
    return float(gaps.min()) / sqrt(12) if gaps.size else 0.0


def spread_of_neighbours(x: FloatArray) -> float:
    """The standard deviation as neighbours tell it, in which few steps and outliers do not show; 0 for a constant."""
    return max(_MAD * float(np.median(np.abs(np.diff(x)))) / sqrt(2), resolution(x))


def winsorised(x: FloatArray, spread: float) -> FloatArray:
    """The values [n], drawn to within 3.5 standard deviations of their running median, which keeps steps."""
    half = _WINDOW // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, half, mode="reflect"), _WINDOW)
    medians = np.median(windows, axis=1)
    rest = x - medians
    # The running median follows the noise a little: what is left of it spreads less, by a seventh.
    limit = _CLIP * max(1.15 * _MAD * float(np.median(np.abs(rest))), 0.8 * spread)
    return np.asarray(medians + np.clip(rest, -limit, limit))


def partition(x: FloatArray, penalty: float) -> list[int]:
    """Where new levels begin: least sum of squares around the levels' means, plus `penalty` for every change."""
    n = x.size
    centred = x - x.mean()
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    previous = np.zeros(n + 1, dtype=np.int64)
    for end in range(LEAST_LENGTH, n + 1):
        starts = np.arange(end - LEAST_LENGTH + 1)
        costs = best[starts] + squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / (end - starts)
        chosen = int(np.argmin(costs))
        best[end], previous[end] = costs[chosen] + penalty, chosen
    found = []
    end = n
    while (end := int(previous[end])) > 0:
        found.append(end)
    return found[::-1]


def residuals(x: FloatArray, changes: Sequence[int]) -> FloatArray:
    """The values less the means of their levels."""
    return np.concatenate([level - level.mean() for level in np.split(x, list(changes))])


def noise(x: FloatArray, changes: Sequence[int], least: float, *, luck: float = 1.0) -> Noise:
    """Measure the noise around the levels; its standard deviation is at least `least`.

    Autocorrelation counts as far as it stands out, by `luck` standard errors, of what white noise shows; taking out a
    mean per level hides some of it, which is given back (Kendall 1954). The second lag is heard, too: noise may lie
    upon noise that lasts.
    """
    rest = residuals(x, changes)
    limit = _OUTLYING * max(_MAD * float(np.median(np.abs(rest))), least)
    rest = np.clip(rest, -limit, limit)
    n, levels = x.size, len(changes) + 1
    power = float(rest @ rest)
    variance = max(power / max(1, n - levels), least**2)
    if variance == 0:
        return Noise(0.0, 1.0)
    shown = luck / sqrt(n)
    lags = [float(rest[lag:] @ rest[:-lag]) / (power + n * least**2) for lag in (1, 2)]
    one, two = (lag + (1 + 3 * max(lag, 0.0)) * levels / (2 * n) - shown for lag in lags)
    memory = min(max(one, sqrt(max(two, 0.0)), 0.0), _MOST_MEMORY)
    return Noise(variance, (1 + memory) / (1 - memory))


def levels_of(x: FloatArray, spread: float) -> list[int]:
    """Where new levels of the winsorised values may begin, with a penalty that fits their own noise.

    `spread` starts it; each fit tells the noise, and the noise the next penalty.
    """
    least = resolution(x)
    changes = partition(x, _FIRST_PENALTY * spread**2 * log(x.size))
    for _ in range(_FITS):
        again = partition(x, _PENALTY * noise(x, changes, least).of_a_mean * log(x.size))
        if again == changes:
            break
        changes = again
    return changes


def best_places(x: FloatArray, changes: Sequence[int]) -> list[int]:
    """The changes, each moved to where it fits best between its neighbours."""
    placed: list[int] = []
    ends = [*changes, x.size][1:]
    for change, end in zip(changes, ends, strict=True):
        start = placed[-1] if placed else 0
        both = x[start:end]
        at = np.arange(LEAST_LENGTH, both.size - LEAST_LENGTH + 1)
        if at.size == 0:
            placed.append(change)
            continue
        sums = np.cumsum(both - both.mean())[at - 1]
        placed.append(start + int(at[np.argmax(np.abs(sums) / np.sqrt(at * (both.size - at)))]))
    return placed
