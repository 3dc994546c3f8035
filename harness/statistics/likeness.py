"""Whether differences between identical builds are still like those of the past: a test on |d|, blind to its sign."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ALPHA: Final = 0.001
# Sessions always differ a little: what counts is a distance that bets would notice, such as a spread 1.7 times as wide.
SMALLEST_DISTANCE: Final = 0.25
FEWEST: Final = 20
_NAMED_AS_SPREAD: Final = 1.25


@dataclass(frozen=True)
class Change:
    """What became unlike: the median of |d| (log units) before and after, the distance, how likely it is by chance."""

    before: float
    after: float
    distance: float
    p_value: float

    def __str__(self) -> str:
        wider, narrower = self.after > _NAMED_AS_SPREAD * self.before, self.before > _NAMED_AS_SPREAD * self.after
        if wider or narrower:
            return f"the usual difference went from {100 * self.before:.2g} % to {100 * self.after:.2g} %"
        return f"the shape of the differences changed (distance {self.distance:.2f})"


def compare_sizes(earlier: NDArray[Any], later: NDArray[Any]) -> Change:
    """Kolmogorov's and Smirnov's two-sample test on |d| of `earlier` [m >= 1] and `later` [n >= 1].

    The p-value is the asymptotic one with Stephens' correction; ties make it too large, never too small.
    """
    one, two = (np.sort(np.abs(np.asarray(values, dtype=np.float64))) for values in (earlier, later))
    points = np.concatenate([one, two])
    shares = [np.searchsorted(sizes, points, side="right") / sizes.size for sizes in (one, two)]
    distance = float(np.max(np.abs(shares[0] - shares[1])))
    effective = sqrt(one.size * two.size / (one.size + two.size))
    p_value = _kolmogorov((effective + 0.12 + 0.11 / effective) * distance)
    return Change(float(np.median(one)), float(np.median(two)), distance, p_value)


def newest_alike(
    sessions: Sequence[NDArray[Any]],
    *,
    alpha: float = ALPHA,
    smallest_distance: float = SMALLEST_DISTANCE,
    fewest: int = FEWEST,
) -> tuple[int, Change | None]:
    """Where the newest stretch of like sessions begins, and what changed there: (0, None) if all are alike.

    `sessions` hold the differences of one comparison each [any number], oldest first. Cuts are tried between sessions
    and pay for their number (Bonferroni); with less than `fewest` differences on one side of it, a change is not
    believed yet.
    """
    begin, found = 0, None
    while (cut := _sharpest_cut(sessions[begin:], alpha, smallest_distance, fewest)) is not None:
        begin, found = begin + cut[0], cut[1]
    return begin, found


def _sharpest_cut(
    sessions: Sequence[NDArray[Any]], alpha: float, smallest_distance: float, fewest: int
) -> tuple[int, Change] | None:
    ends = list(accumulate(session.size for session in sessions))
    places = [place for place, end in enumerate(ends, 1) if 0 < end < ends[-1]]
    if not places:
        return None
    pooled = np.concatenate(sessions)
    changes = {place: compare_sizes(pooled[: ends[place - 1]], pooled[ends[place - 1] :]) for place in places}
    place, change = min(changes.items(), key=lambda found: found[1].p_value)
    if change.p_value > alpha / len(places) or change.distance < smallest_distance:
        return None
    # at the sharpest cut or nowhere: elsewhere one odd session would be taken for a new kind
    return (place, change) if fewest <= ends[place - 1] <= ends[-1] - fewest else None


def _kolmogorov(x: float) -> float:
    """P(K > x) of Kolmogorov's distribution."""
    if x < 0.2:
        return 1.0
    terms = ((1 if k % 2 else -1) * exp(-2 * (k * x) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))
