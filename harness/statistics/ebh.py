"""Many tests at once: e-BH (Wang and Ramdas, "False discovery rate control with e-values")."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def e_bh(e_values: Mapping[K, float], alpha: float = 0.05) -> set[K]:
    """The tests that may be called regressed with at most a share `alpha` of false ones expected among them.

    `e_values` are each test's current e-value (>= 0), not its running maximum, for which this does not hold. However
    they depend on each other, the largest k is taken whose k-th largest e-value is at least tests / (alpha k).
    Raises ValueError for an e-value that is negative or NaN, and an alpha outside 0 ... 1.
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"expected a share of false discoveries above 0 and at most 1, found alpha = {alpha}")
    for name, value in e_values.items():
        if not value >= 0:
            raise ValueError(f"expected an e-value of at least 0, found {value} for {name}")
    ordered = sorted(e_values, key=lambda name: e_values[name], reverse=True)
    believed = 0
    for rank, name in enumerate(ordered, start=1):
        if e_values[name] * alpha * rank >= len(ordered):
            believed = rank
    return set(ordered[:believed])
