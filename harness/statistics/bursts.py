"""From the bursts of one launch pair to its one number, d.

Nothing here knows which side is the candidate: sides are told apart by who went first, which a coin decided. So what is
chosen here cannot break the fairness of the sign of d.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LOW_QUANTILE = 0.25
# Another statistic than the median has to spread less by this much: with few pairs, luck would choose otherwise.
_CLEARLY_STEADIER = 0.9


class BurstStatistic(StrEnum):
    """What stands for a burst of samples, in order of preference."""

    MEDIAN = "median"
    LOW_QUANTILE = "lower quartile"
    MINIMUM = "minimum"
    MEAN = "mean"


def burst_values(samples: NDArray[Any], statistic: BurstStatistic) -> FloatArray:
    """One value per burst of `samples` [bursts, samples per burst], in their unit; shape [bursts]."""
    match statistic:
        case BurstStatistic.MEDIAN:
            values = np.median(samples, axis=1)
        case BurstStatistic.LOW_QUANTILE:
            values = np.quantile(samples, LOW_QUANTILE, axis=1)
        case BurstStatistic.MINIMUM:
            values = np.min(samples, axis=1)
        case BurstStatistic.MEAN:
            values = np.mean(samples, axis=1)
    return np.asarray(values, dtype=np.float64)


def adjacent_log_ratios(went_first: NDArray[Any], went_second: NDArray[Any], statistic: BurstStatistic) -> FloatArray:
    """log(first side / second side) of every two bursts that followed each other; shape [2 bursts - 1].

    The sides' samples [bursts, samples per burst] are in measuring order: first, second, first, second ... Using both
    neighbours of a burst cancels a steady drift. Times of 0 (a coarse clock) count as one unit of the clock.
    """
    first, second = (np.log(np.maximum(burst_values(side, statistic), 1)) for side in (went_first, went_second))
    ratios = np.empty(2 * len(first) - 1)
    ratios[0::2] = first - second
    ratios[1::2] = first[1:] - second[:-1]
    return ratios


def difference(went_first: NDArray[Any], went_second: NDArray[Any], statistic: BurstStatistic) -> float:
    """The pair's d, as log(first side / second side): the median over its adjacent bursts."""
    return float(np.median(adjacent_log_ratios(went_first, went_second, statistic)))


def spread(went_first: NDArray[Any], went_second: NDArray[Any], statistic: BurstStatistic) -> float:
    """How much the burst ratios of one pair scatter around their median (median absolute deviation).

    It does not change when the sides swap, nor by how much one of them is slower.
    """
    ratios = adjacent_log_ratios(went_first, went_second, statistic)
    return float(np.median(np.abs(ratios - np.median(ratios))))


def steadiest(pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> BurstStatistic:
    """Choose what stands for a burst on this device and test: what spreads least within these pairs.

    Each pair is (went first, went second). As `spread` is symmetric in the sides, the choice is blind to the label and
    to the effect: given the unordered pairs it is fixed, and each d keeps its fair sign under "no change".
    """
    best, least = BurstStatistic.MEDIAN, float("inf")
    for statistic in BurstStatistic:
        found = float(np.mean([spread(first, second, statistic) for first, second in pairs]))
        if found < least * (_CLEARLY_STEADIER if statistic is not BurstStatistic.MEDIAN else 1.0):
            best, least = statistic, found
    return best
