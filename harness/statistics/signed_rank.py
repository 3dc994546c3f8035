"""The exact signed-rank test (Wilcoxon 1945), for differences whose sign is a fair coin when nothing changed.

A coin toss of ours decides which side of a launch pair goes first, so given the magnitudes |d| every pattern of signs
is equally likely under "no change", whatever the device does meanwhile. The distribution is enumerated under exactly
that (dynamic programming over doubled midranks), so ties are handled exactly; it is no approximation at any n.
Zeros carry no sign: they are left out, as Wilcoxon did, and the test stays exact given the rest.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def midranks(values: NDArray[Any]) -> NDArray[np.int64]:
    """Twice the ranks (1-based) of `values` [n], ties sharing the mean of theirs: doubled, midranks are integers."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    doubled: NDArray[np.int64] = (2 * last - counts + 1)[inverse.reshape(-1)].astype(np.int64)
    return doubled


@lru_cache(maxsize=256)
def _tail(doubled_ranks: tuple[int, ...]) -> FloatArray:
    """P(T >= t) for t = 0 ... sum + 1, T the sum of a fair coin's choice of the ranks."""
    total = sum(doubled_ranks)
    mass = np.zeros(total + 1)
    mass[0] = 1.0
    for rank in doubled_ranks:
        moved = np.zeros_like(mass)
        moved[rank:] = mass[: total + 1 - rank]
        mass = (mass + moved) / 2  # exact in binary floating point up to n = 50
    return np.append(np.cumsum(mass[::-1])[::-1], 0.0)


def p_value(differences: NDArray[Any], *, above: float = 0.0) -> float:
    """One-sided p-value of "the differences [n] are symmetric about `above`, or lie below it".

    Small when they lie above. Differences equal to `above` are left out; with none left the answer is 1.
    """
    shifted = np.asarray(differences, dtype=np.float64) - above
    shifted = shifted[shifted != 0]
    if shifted.size == 0:
        return 1.0
    ranks = midranks(np.abs(shifted))
    positive = int(ranks[shifted > 0].sum())
    return float(min(1.0, _tail(tuple(sorted(int(rank) for rank in ranks)))[positive]))


def critical_count(n: int, alpha: float) -> int:
    """The largest k such that P(T < k) <= alpha for the signed-rank sum T of n untied differences; 0 if there is none.

    The k-th smallest Walsh average is then a lower confidence limit at level 1 - alpha.
    """
    if n == 0:
        return 0
    # Doubled ranks: T takes even values only. By symmetry P(T <= j) = P(T >= n(n+1)/2 - j).
    upper = _tail(tuple(2 * rank for rank in range(1, n + 1)))[::2]  # P(T >= j), j = 0 ... n(n+1)/2, and 0
    top = n * (n + 1) // 2
    below = upper[top::-1]  # P(T <= j), j = 0 ... top
    return int(np.searchsorted(below, alpha, side="right"))
