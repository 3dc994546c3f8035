"""Change points in the history of a test: where a new level begins, how large it is, and how sure that is.

Optimal partitioning of winsorised log values proposes, generously; then the least credible change goes, one by one,
until each that is left passes a test of means and a rank test that pay for the chosen place, is no slope, stands out
of what the noise does by itself, and is no short excursion. History proposes, an A/B of the two commits disposes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import expm1
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ontarget.harness.statistics.logs import logs_of
from ontarget.harness.statistics.segmentation import (
    LEAST_LENGTH,
    best_places,
    levels_of,
    noise,
    residuals,
    resolution,
    spread_of_neighbours,
    winsorised,
)
from ontarget.harness.statistics.steps import Step

FloatArray = NDArray[np.float64]

SHORTEST = 12  # points: fewer can't be cut into levels
CONFIDENCE = 0.95
_ALPHA = 0.02  # of the test of means
_RANKS_ALPHA = 0.05  # of the rank test: levels of few points can't reach more
_SHORT = 10  # points: a level that returns to where it came from must be longer to be one


@dataclass(frozen=True)
class ChangePoint:
    """A new level: it begins at `index` (0-based), with `confidence` between `earliest` and `latest`, both included.

    `size` is its ratio to the level before, less 1 (0.02 is 2 % slower), `low` and `high` the interval around it,
    `p_value` the chance that noise alone shows a step like this at its best place.
    """

    index: int
    earliest: int
    latest: int
    size: float
    low: float
    high: float
    p_value: float
    confidence: float = CONFIDENCE


def detect(series: ArrayLike) -> list[int]:
    """The indexes at which a new level begins, ascending.

    `series` [n] are times (or ratios to a reference) in the order of the commits, in any unit, one a session. Fewer
    than 12 points show no changes. Raises ValueError for other than one dimension of finite numbers above 0.
    """
    return _Levels.of(logs_of(series)).changes


def change_points(series: ArrayLike) -> list[ChangePoint]:
    """The changes that `detect` finds, with size, interval and the places where they may be. Raises as it does."""
    return _Levels.of(logs_of(series)).described()


def latest_level(series: ArrayLike) -> int:
    """The index since which nothing has changed: the last change point, or 0."""
    return max(detect(series), default=0)


@dataclass(frozen=True, eq=False)
class _Levels:
    values: FloatArray  # winsorised logs
    changes: list[int]
    least: float  # the standard deviation of rounding

    @classmethod
    def of(cls, logs: FloatArray) -> "_Levels":
        spread = spread_of_neighbours(logs) if logs.size >= SHORTEST else 0.0
        if spread == 0:
            return cls(logs, [], 0.0)
        values = winsorised(logs, spread)
        levels = cls(values, levels_of(values, spread), resolution(logs))
        while (worst := levels.least_credible()) is not None:
            kept = levels.changes[:worst] + levels.changes[worst + 1 :]
            levels = cls(values, best_places(values, kept), levels.least)
        return levels

    def steps(self) -> list[Step]:
        around = noise(self.values, self.changes, self.least)
        levels = np.split(self.values, self.changes)
        return [Step(before, after, around) for before, after in pairwise(levels)]

    def least_credible(self) -> int | None:
        """Which change to give up first; None if all are credible."""
        steps = self.steps()
        if not steps:
            return None
        rest = residuals(self.values, self.changes)
        doubts = [_doubt(step, rest) for step in steps]
        for at in self._excursions(steps):
            doubts[at] = doubts[at + 1] = 2.0
        worst = int(np.argmax(doubts))
        return worst if doubts[worst] > _ALPHA else None

    def _excursions(self, steps: Sequence[Step]) -> list[int]:
        """Short levels (by the change that begins them) between two levels that are alike: they came and went."""
        return [
            at
            for at, (up, down) in enumerate(pairwise(steps))
            if up.after.size < _SHORT and abs(up.size + down.size) < min(abs(up.size), abs(down.size)) / 2
        ]

    def described(self) -> list[ChangePoint]:
        starts = [0, *self.changes]
        return [
            _describe(step, start, change)
            for step, start, change in zip(self.steps(), starts, self.changes, strict=False)
        ]


def _doubt(step: Step, rest: FloatArray) -> float:
    """A p-value, or above it and below 2 what says that this is no step at all."""
    doubt = max(step.p_of_means(), step.p_of_ranks() * _ALPHA / _RANKS_ALPHA)
    if step.is_a_slope():
        return 1.5 + doubt / 4
    return doubt if step.stands_out(rest) else max(doubt, 1.0)


def _describe(step: Step, start: int, change: int) -> ChangePoint:
    values = np.concatenate([step.before, step.after])
    at = np.arange(LEAST_LENGTH, values.size - LEAST_LENGTH + 1)
    sums = np.cumsum(values - values.mean())[at - 1]
    gain = sums**2 * values.size / (at * (values.size - at))  # squares that a cut there explains
    weights = np.exp((gain - gain.max()) / (2 * step.noise.of_a_mean))
    likely = np.flatnonzero(_credible(weights / weights.sum()))
    margin = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * step.standard_error
    return ChangePoint(
        index=change,
        earliest=min(start + int(at[likely[0]]), change),
        latest=max(start + int(at[likely[-1]]), change),
        size=expm1(step.size),
        low=expm1(step.size - margin),
        high=expm1(step.size + margin),
        p_value=step.p_of_means(),
    )


def _credible(posterior: FloatArray) -> NDArray[np.bool_]:
    """The fewest places that together have the confidence."""
    order = np.argsort(-posterior, kind="stable")
    count = int(np.searchsorted(np.cumsum(posterior[order]), CONFIDENCE)) + 1
    chosen = np.zeros(posterior.size, dtype=bool)
    chosen[order[:count]] = True
    return chosen
