"""The posterior over "which commit made it slower", from launch pairs of commits against the good end.

A commit before the culprit differs from the good end by the luck of its code's layout, one from the culprit on by the
slow-down that the bad end shows. Pairs of one commit share its layout, so many of them never say more than one layout
can; heavy tails (Student's t of 3 degrees of freedom) keep a few outliers from deciding.
"""

from collections.abc import Mapping, Sequence
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LAYOUT_SD = 0.002  # log units: what a relink alone moves
_FREEDOM = 3
_LEAST_SPREAD = 1e-5


def posterior_of_culprit(commits: int, evidence: Mapping[int, Sequence[float]]) -> FloatArray:
    """P(culprit is commit 1), ..., P(culprit is commit `commits` - 1); shape [commits - 1].

    `evidence` has the log ratios to the good end (commit 0) by commit; those of the last commit, which is bad, say how
    much slower it is. Without them nothing is known.
    """
    slower = np.array(evidence.get(commits - 1, ()), dtype=np.float64)
    likelihoods = np.zeros(commits - 1)
    if slower.size == 0:
        return likelihoods + 1 / (commits - 1)
    shift = float(np.median(slower))
    sd = spread(evidence)
    for commit, differences in evidence.items():
        if commit == commits - 1:
            continue
        centre = float(np.median(differences))
        # The median spreads by a quarter more than the mean; the shift is an estimate, too.
        own = sd**2 * 1.57 / len(differences) + LAYOUT_SD**2
        bad = _log_density(centre - shift, own + sd**2 * 1.57 / slower.size)
        good = _log_density(centre, own)
        likelihoods[:commit] += bad  # culprits up to this commit: it is slow
        likelihoods[commit:] += good
    weights = np.exp(likelihoods - likelihoods.max())
    return np.asarray(weights / weights.sum())


def gain(pairs: int, sd: float) -> float:
    """How much one more launch pair sharpens what is known of a commit that has so many, as a share of all that can be.

    `sd` is a pair's. It wanes: many pairs of one commit tell its time, but never how much of that is its layout.
    """
    noise = sd**2 * 1.57 / LAYOUT_SD**2
    return (pairs + 1) / (pairs + 1 + noise) - pairs / (pairs + noise)


def spread(evidence: Mapping[int, Sequence[float]]) -> float:
    """The standard deviation of a pair around its commit's median, robustly, over all commits together."""
    off = [np.abs(np.array(values) - np.median(values)) for values in evidence.values() if len(values) >= 3]
    if not off:
        off = [np.abs(np.array(values) - np.median(values)) for values in evidence.values()]
    return max(1.4826 * float(np.median(np.concatenate(off))), _LEAST_SPREAD)


def _log_density(x: float, variance: float) -> float:
    """Of Student's t, scaled, up to a constant."""
    return -(_FREEDOM + 1) / 2 * log(1 + x * x / (variance * _FREEDOM)) - log(sqrt(variance))
