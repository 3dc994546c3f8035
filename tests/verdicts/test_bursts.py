"""What stands for a burst, and the number of a pair: blind to the label, whatever the times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ontarget.harness.statistics.bursts import (
    BurstStatistic,
    adjacent_log_ratios,
    burst_values,
    difference,
    spread,
    steadiest,
)

Samples = NDArray[np.int64]
statistics = st.sampled_from(BurstStatistic)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Samples, Samples]:
    shape = (draw(st.integers(1, 8)), draw(st.integers(1, 6)))
    times = arrays(np.int64, shape, elements=st.integers(1, 10**9))
    return draw(times), draw(times)


@given(pairs(), statistics)
def test_swapping_the_sides_swaps_the_sign_when_order_is_kept(
    pair: tuple[Samples, Samples], by: BurstStatistic
) -> None:
    """The same times in the same order, labelled the other way: exactly the opposite d, and the same scatter."""
    first, second = pair
    ratios = adjacent_log_ratios(first, second, by)
    assert difference(first, second, by) == float(np.median(ratios))
    assert -difference(first, second, by) == float(np.median(-ratios))
    assert spread(first, second, by) >= 0


@given(pairs(), statistics, st.integers(2, 1000))
def test_the_unit_does_not_matter(pair: tuple[Samples, Samples], by: BurstStatistic, unit: int) -> None:
    first, second = pair
    assert difference(first * unit, second * unit, by) == pytest.approx(difference(first, second, by), abs=1e-9)


@given(pairs(), statistics, st.integers(2, 50))
def test_a_slower_side_moves_d_and_leaves_the_scatter(
    pair: tuple[Samples, Samples], by: BurstStatistic, factor: int
) -> None:
    first, second = pair
    slower = difference(first * factor, second, by)
    assert slower == pytest.approx(difference(first, second, by) + np.log(factor), abs=1e-9)
    assert spread(first * factor, second, by) == pytest.approx(spread(first, second, by), abs=1e-9)


def test_a_steady_drift_cancels() -> None:
    drift = np.exp(0.01 * np.arange(40))
    times = (1e6 * drift).round().astype(np.int64).reshape(-1, 1)
    assert abs(difference(times[0::2], times[1::2], BurstStatistic.MEDIAN)) <= 0.0101
    ratios = adjacent_log_ratios(times[0::2], times[1::2], BurstStatistic.MEDIAN)
    assert abs(ratios.mean()) < 0.001


def test_a_clock_that_stood_still_is_no_infinite_ratio() -> None:
    still = np.zeros((2, 3), dtype=np.int64)
    assert difference(still, still + 1, BurstStatistic.MEDIAN) == 0


def test_the_minimum_is_chosen_where_interruptions_only_add() -> None:
    rng = np.random.default_rng(2)

    def side() -> Samples:
        return (1e6 + rng.exponential(3e5, (30, 16)) + rng.normal(0, 500, (30, 16))).astype(np.int64)

    assert steadiest([(side(), side()) for _ in range(5)]) is BurstStatistic.MINIMUM


def test_the_median_stays_where_nothing_is_clearly_steadier() -> None:
    rng = np.random.default_rng(2)

    def side() -> Samples:
        return (1e6 * np.exp(rng.normal(0, 0.01, (30, 1)) + rng.normal(0, 1e-4, (30, 16)))).astype(np.int64)

    assert steadiest([(side(), side()) for _ in range(5)]) is BurstStatistic.MEDIAN


def test_constant_times_have_an_answer_too() -> None:
    constant = np.full((3, 3), 1000)
    assert steadiest([(constant, constant)]) is BurstStatistic.MEDIAN


@given(pairs())
def test_the_values_of_a_burst_are_in_order(pair: tuple[Samples, Samples]) -> None:
    samples = pair[0]
    low, quartile, middle = (
        burst_values(samples, by) for by in (BurstStatistic.MINIMUM, BurstStatistic.LOW_QUANTILE, BurstStatistic.MEDIAN)
    )
    assert np.all(low <= quartile)
    assert np.all(quartile <= middle)
