"""The exact test and the robust estimate: against SciPy, against brute force, and by properties."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ontarget.harness.statistics.estimate import hodges_lehmann, quantiles, walsh_averages
from ontarget.harness.statistics.signed_rank import critical_count, midranks, p_value

scipy_stats = pytest.importorskip("scipy.stats", reason="SciPy is the yardstick here, and no dependency of the product")

Differences = NDArray[np.float64]
coarse = arrays(np.float64, st.integers(1, 11), elements=st.integers(-4, 4).map(float))
untied = arrays(
    np.float64,
    st.integers(1, 25),
    elements=st.integers(-(2**20), 2**20).filter(bool).map(float),
    unique=True,
).filter(lambda d: len(np.unique(np.abs(d))) == len(d))


def brute_force(differences: Differences) -> float:
    """The share of all sign patterns whose positive rank sum is at least the one that was seen."""
    present = differences[differences != 0]
    ranks = scipy_stats.rankdata(np.abs(present))
    seen = ranks[present > 0].sum()
    sums = [np.dot(ranks, signs) for signs in product((0, 1), repeat=len(present))]
    return float(np.mean([total >= seen - 1e-9 for total in sums]))


@given(coarse)
def test_ties_and_zeros_are_exact_under_fair_signs(differences: Differences) -> None:
    assert p_value(differences) == pytest.approx(brute_force(differences))


@given(untied)
def test_agrees_with_scipy(differences: Differences) -> None:
    expected = scipy_stats.wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert p_value(differences) == pytest.approx(expected, rel=1e-9)


@given(arrays(np.int64, st.integers(1, 30), elements=st.integers(-5, 5)))
def test_midranks_are_scipys(values: NDArray[np.int64]) -> None:
    assert np.array_equal(midranks(values), 2 * scipy_stats.rankdata(values))


def test_all_of_one_sign_is_as_rare_as_that_many_heads() -> None:
    assert p_value(np.arange(1.0, 13.0)) == 2.0**-12
    assert p_value(-np.arange(1.0, 13.0)) == 1.0
    assert p_value(np.zeros(5)) == 1.0
    assert p_value(np.array([])) == 1.0


@given(untied, st.floats(1e-6, 1e6))
def test_the_unit_does_not_matter(differences: Differences, unit: float) -> None:
    assert p_value(differences * unit) == p_value(differences)


@given(st.integers(1, 40), st.floats(1e-5, 0.2))
def test_the_critical_count_is_the_largest_within_alpha(n: int, alpha: float) -> None:
    count = critical_count(n, alpha)
    values = np.arange(1.0, n + 1)

    def p_of_sum_below(k: int) -> float:
        # P(T < k) = P(T >= n(n+1)/2 - k + 1): a sign pattern with just that sum, found greedily.
        wanted, signs = n * (n + 1) // 2 - k + 1, -np.ones(n)
        for i in reversed(range(n)):
            if values[i] <= wanted:
                wanted -= int(values[i])
                signs[i] = 1
        return p_value(values * signs)

    assert count == 0 or p_of_sum_below(count) <= alpha
    assert p_of_sum_below(count + 1) > alpha


@given(untied)
def test_the_estimate_is_antisymmetric_and_inside_its_interval(differences: Differences) -> None:
    here, mirrored = hodges_lehmann(differences), hodges_lehmann(-differences)
    assert here.centre == -mirrored.centre
    if here.low is None or here.high is None:
        assert here.low is here.high is mirrored.low is mirrored.high is None
        assert len(differences) < 6
    else:
        assert here.low <= here.centre <= here.high
        assert mirrored.low == -here.high


@given(untied.filter(lambda d: len(d) >= 6))
def test_the_interval_is_where_the_test_does_not_reject(differences: Differences) -> None:
    estimate = hodges_lehmann(differences)
    assert estimate.low is not None
    averages = np.unique(walsh_averages(differences))
    inside = averages[averages > estimate.low]
    just_below = estimate.low - 1e-3
    assert p_value(differences, above=just_below) <= 0.025
    if inside.size:
        just_above = (estimate.low + inside[0]) / 2
        assert p_value(differences, above=just_above) > 0.025


def test_the_interval_covers_the_truth_as_often_as_promised() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(1000):
        estimate = hodges_lehmann(0.3 + rng.standard_t(2, 12))
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= 0.3 <= estimate.high
    assert covered >= 930


def test_nothing_can_be_estimated_from_nothing() -> None:
    with pytest.raises(ValueError, match="at least one difference"):
        hodges_lehmann(np.array([]))


def test_quantiles_are_of_all_values_whatever_their_shape() -> None:
    found = quantiles(np.arange(101).reshape(-1, 101))
    assert (found.p50, found.p90, found.p99) == (50, 90, 99)
