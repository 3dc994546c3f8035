"""Creeping regressions: each commit's is below the target, together they are not.

Kendall's rank test for a monotone trend (Mann 1945), its spread grown by the autocorrelation of what is left around
the trend (Hamed and Rao 1998, here with the memory of an AR(1)), and Theil and Sen's slope with Sen's interval.
"""

from dataclasses import dataclass
from math import expm1, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from ontarget.harness.statistics.logs import logs_of
from ontarget.harness.statistics.segmentation import noise, resolution

SHORTEST = 10  # points
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Trend:
    """How much the level grew from the first to the last point, as a ratio - 1, with its interval.

    `p_value` is one-sided, of "it does not grow"; close to 1 it shrinks. `points` were looked at.
    """

    size: float
    low: float
    high: float
    p_value: float
    points: int

    def creeps(self, target: float, *, alpha: float = 0.001) -> bool:
        """Whether it became slower by `target` (0.02 is 2 %) or more in all, believed at `alpha`."""
        return self.p_value <= alpha and self.size >= target and self.low > 0


def trend(series: ArrayLike) -> Trend | None:
    """The trend of `series` [n], one value a session since the last accepted level, in any unit; None below 10 points.

    A step shows as a trend, too: give what follows the last change that is known. Raises ValueError as `detect` does.
    """
    logs = logs_of(series)
    n = logs.size
    if n < SHORTEST:
        return None
    earlier, later = np.triu_indices(n, 1)
    rises = logs[later] - logs[earlier]
    slopes = np.sort(rises / (later - earlier))
    slope = float(np.median(slopes))
    around = noise(logs - slope * np.arange(n), [], resolution(logs), luck=0.0)
    _, ties = np.unique(logs, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    spread = sqrt(variance * around.inflation)
    score = float(np.sign(rises).sum())
    p_value = 1.0 if spread == 0 else NormalDist().cdf(-(score - float(np.sign(score))) / spread)
    # Sen's interval: the ranks of the slopes that the spread of the score allows.
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * spread
    low = max(0, int(np.floor((slopes.size - reach) / 2)))
    high = min(slopes.size - 1, int(np.ceil((slopes.size + reach) / 2)))
    return Trend(
        size=expm1(slope * (n - 1)),
        low=expm1(float(slopes[low]) * (n - 1)),
        high=expm1(float(slopes[high]) * (n - 1)),
        p_value=p_value,
        points=n,
    )
