"""Whether a step between two levels is one: a rank test, a test of means, and what else may look like a step.

All p-values pay for the place having been chosen, by the tail of the largest of all places' statistics (Siegmund 1985,
"Sequential Analysis", 11; James, James and Siegmund 1987).
"""

from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.statistics.segmentation import Noise
from ontarget.harness.statistics.signed_rank import midranks

FloatArray = NDArray[np.float64]

_MARGIN = 0.05  # share of the points at either end at which no change is looked for
_LINE_WINS = 1.1  # times the squares: so much better than two levels must a line be
_CONTRAST, _LONGEST_CONTRAST = 2.2, 15  # standard deviations; points on either side


@dataclass(frozen=True, eq=False)
class Step:
    """Two neighbouring levels of winsorised log values [n], [m], and the noise of the whole series."""

    before: FloatArray
    after: FloatArray
    noise: Noise

    @property
    def size(self) -> float:
        """How much higher the later level is, in log units."""
        return float(self.after.mean() - self.before.mean())

    @property
    def standard_error(self) -> float:
        return sqrt(self.noise.of_a_mean * (1 / self.before.size + 1 / self.after.size))

    def p_of_means(self) -> float:
        return chosen_place(abs(self.size) / self.standard_error, self.before.size + self.after.size)

    def p_of_ranks(self) -> float:
        """Of Wilcoxon's rank sum with midranks, as for white noise: memory is the test of means' concern."""
        n, m = self.before.size, self.after.size
        values = np.concatenate([self.before, self.after])
        total = n + m
        _, counts = np.unique(values, return_counts=True)
        ties = float(np.sum(counts.astype(np.float64) ** 3 - counts)) / (total * (total - 1))
        variance = n * m / 12 * (total + 1 - ties)
        if variance <= 0:
            return 1.0
        surplus = float(midranks(values)[n:].sum()) / 2 - m * (total + 1) / 2
        return chosen_place(abs(surplus) / sqrt(variance), total)

    def is_a_slope(self) -> bool:
        """Whether one straight line fits clearly better than two levels: a creep is a matter for the trend."""
        values = np.concatenate([self.before, self.after])
        time = np.arange(values.size) - (values.size - 1) / 2
        centred = values - values.mean()
        line = float(centred @ centred - (time @ centred) ** 2 / (time @ time))
        levels = float(self.before.var() * self.before.size + self.after.var() * self.after.size)
        return line * _LINE_WINS < levels

    def stands_out(self, rest: FloatArray) -> bool:
        """Whether the contrast right at the step is large beside those that `rest`, the residuals [any], shows.

        A slow wander has many places as contrasted as its largest.
        """
        width = min(self.before.size, self.after.size, _LONGEST_CONTRAST)
        if rest.size < 4 * width:
            return True  # too short to say
        sums = np.concatenate([[0.0], np.cumsum(rest)])
        at = np.arange(width, rest.size - width + 1)
        contrasts = (sums[at + width] - 2 * sums[at] + sums[at - width]) / width
        contrast = float(self.after[:width].mean() - self.before[-width:].mean())
        return abs(contrast) >= _CONTRAST * sqrt(float(np.mean(contrasts**2)))


def chosen_place(z: float, points: int) -> float:
    """P(the largest |z| of all places to cut `points` into two is at least this one), for white noise."""
    if z < 1.5:
        return 1.0  # the formula is for the tail
    margin = max(2 / points, _MARGIN)
    if margin >= 0.5:
        return erfc(z / sqrt(2))
    density = exp(-z * z / 2) / sqrt(2 * pi)
    return min(1.0, density * ((z - 1 / z) * log((1 - margin) ** 2 / margin**2) + 4 / z))
