"""How other tools call a slow-down, by their published rules, vectorised over tests.

- google/benchmark, `tools/gbench/report.py`: Mann-Whitney's U, two-sided, at 5 %, over repetitions (9 or more).
- criterion, the book's "Analysis process" and `src/compare.rs`: 100 samples after 3 s of warm-up; a bootstrapped t-test
  at 5 %, and the 95 % interval of the ratio of means beyond a noise threshold of 1 %. Resampling 100,000 times is
  replaced by its limit, Welch's t and the delta method.
- pyperf, "Compare two results" and `_utils.py`: Student's t over all values of 20 processes, |t| beyond its 95 % table.
- pytest-benchmark, `--benchmark-compare-fail=mean:5%`: the means, against a baseline stored by an earlier session.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.noise.protocols import Runs

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LEVEL = 0.05
_CRITERION_NOISE = 0.01
_PYTEST_BENCHMARK_FAILS = 0.05


@dataclass(frozen=True)
class Peer:
    """A tool: how it runs each side, what it calls slower, and by which size it would be held to a smallest effect.

    `slower` and `size` (a ratio - 1) take the sides' values (baseline, candidate) [tests, values].
    """

    name: str
    runs: Runs
    slower: Callable[[FloatArray, FloatArray], BoolArray]
    size: Callable[[FloatArray, FloatArray], FloatArray]
    stored: bool = False


def of_means(baseline: FloatArray, candidate: FloatArray) -> FloatArray:
    return np.asarray(candidate.mean(axis=1) / baseline.mean(axis=1) - 1)


def of_medians(baseline: FloatArray, candidate: FloatArray) -> FloatArray:
    return np.asarray(np.median(candidate, axis=1) / np.median(baseline, axis=1) - 1)


def mann_whitney(baseline: FloatArray, candidate: FloatArray) -> BoolArray:
    p = stats.mannwhitneyu(baseline, candidate, axis=1, alternative="two-sided").pvalue
    return np.asarray((p < LEVEL) & (of_medians(baseline, candidate) > 0))


def welch(baseline: FloatArray, candidate: FloatArray) -> BoolArray:
    p = stats.ttest_ind(baseline, candidate, axis=1, equal_var=False).pvalue
    return np.asarray((p < LEVEL) & (of_means(baseline, candidate) > 0))


def student(baseline: FloatArray, candidate: FloatArray) -> BoolArray:
    p = stats.ttest_ind(baseline, candidate, axis=1).pvalue
    return np.asarray((p < LEVEL) & (of_means(baseline, candidate) > 0))


def criterion(baseline: FloatArray, candidate: FloatArray) -> BoolArray:
    ratio = of_means(baseline, candidate) + 1
    relative = [
        values.var(axis=1, ddof=1) / values.shape[1] / values.mean(axis=1) ** 2 for values in (baseline, candidate)
    ]
    low = ratio - stats.norm.ppf(1 - LEVEL / 2) * ratio * np.sqrt(relative[0] + relative[1])
    return np.asarray(welch(baseline, candidate) & (low > 1 + _CRITERION_NOISE))


def five_per_cent(baseline: FloatArray, candidate: FloatArray) -> BoolArray:
    return np.asarray(of_means(baseline, candidate) > _PYTEST_BENCHMARK_FAILS)


# Repetitions of 0.5 s, samples of 50 ms, values of 0.16 s (a power of two calls of at least 0.1 s), a round per call.
PEERS: Sequence[Peer] = (
    Peer("google/benchmark: Mann-Whitney, 10 reps", Runs(1, 5, 10, 50), mann_whitney, of_medians),
    Peer("Welch's t, the same runs", Runs(1, 5, 10, 50), welch, of_means),
    Peer("criterion: 100 samples", Runs(1, 300, 100, 5), criterion, of_means),
    Peer("pyperf compare_to: 20 x 3", Runs(20, 16, 3, 16), student, of_means),
    Peer("pytest-benchmark mean:5%, stored", Runs(1, 5, 100), five_per_cent, of_means, stored=True),
)
