"""The size of an effect, robustly: Hodges-Lehmann's estimate, the exact interval around it, and quantiles.

Hodges and Lehmann 1963; the interval inverts the signed-rank test through Walsh averages (Hollander and Wolfe,
"Nonparametric Statistical Methods", 3.3); closed, it covers as often as promised under ties, too (Noether 1967).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.statistics.signed_rank import critical_count

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A centre and its two-sided interval, in the unit of the differences; an open end is None."""

    centre: float
    low: float | None
    high: float | None

    def above(self, limit: float) -> bool:
        """Whether the whole interval lies above `limit`."""
        return self.low is not None and self.low > limit

    def below(self, limit: float) -> bool:
        """Whether the whole interval lies below `limit`."""
        return self.high is not None and self.high < limit


def walsh_averages(differences: NDArray[Any]) -> NDArray[np.float64]:
    """The n(n+1)/2 means of all pairs of the differences [n], each with itself too, in ascending order."""
    values = np.asarray(differences, dtype=np.float64)
    i, j = np.triu_indices(values.size)
    return np.sort((values[i] + values[j]) / 2)


def hodges_lehmann(differences: NDArray[Any], *, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate the centre of symmetry of the differences [n >= 1], with an exact interval.

    With too few differences for the confidence (fewer than 6 at 95 %) both ends are open. Raises ValueError if empty.
    """
    averages = walsh_averages(differences)
    if averages.size == 0:
        raise ValueError("expected at least one difference to estimate from, found none")
    centre = float(np.median(averages))
    count = critical_count(np.size(differences), (1 - confidence) / 2)
    if count == 0:
        return Estimate(centre, None, None)
    return Estimate(centre, float(averages[count - 1]), float(averages[-count]))


@dataclass(frozen=True)
class Quantiles:
    """Of one side's times, in the unit of the times."""

    p50: float
    p90: float
    p99: float


def quantiles(values: NDArray[Any]) -> Quantiles:
    """The median, the 90th and the 99th percentile of `values` (any shape, not empty), linearly interpolated."""
    p50, p90, p99 = (float(q) for q in np.quantile(values, (0.5, 0.9, 0.99)))
    return Quantiles(p50, p90, p99)
