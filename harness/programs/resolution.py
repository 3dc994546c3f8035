"""What a comparison can tell: the smallest slow-down that its pairs would show, found by asking the rule itself."""

from collections.abc import Callable
from math import expm1, log1p
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.rules import Rule

_LARGEST: Final = 1.0  # a ratio - 1: twice as slow
_STEPS: Final = 12


def smallest_slowdown(differences: NDArray[Any], rule: Callable[[], Rule], budget: int) -> float | None:
    """The smallest slow-down (ratio - 1) that the rule finds within `budget` pairs that scatter as these do.

    `differences` are log ratios [pairs >= 3]; around their median they are repeated up to the budget, with a slow-down
    added. None where even one of 100 % would not show, or where the pairs are too few to tell.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.size < 3:
        return None
    centred = np.resize(d - np.median(d), budget)

    def shows(effect: float) -> bool:
        judge = rule()
        shifted = centred + log1p(effect)
        return any(judge.look(shifted[:count]) is Answer.REGRESSED for count in range(1, budget + 1))

    if not shows(_LARGEST):
        return None
    low, high = 0.0, log1p(_LARGEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if shows(expm1(middle)) else (middle, high)
    return expm1(high)
