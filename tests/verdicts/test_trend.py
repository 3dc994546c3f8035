"""Creeping regressions: found as a whole though each part is below the target, and not made of wandering noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ontarget.harness.statistics.trend import Trend, trend


def known(series: NDArray[np.float64]) -> Trend:
    found = trend(series)
    assert found is not None
    return found


def creeping(seed: int, total: float, points: int = 60) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(0, 0.005, points)
    return np.asarray(np.exp(noise + np.linspace(0, np.log1p(total), points)))


def test_many_small_slow_downs_are_one_large_one() -> None:
    found = known(creeping(1, 0.04))
    assert found.creeps(0.02)
    assert found.low < 0.04 < found.high
    assert found.p_value < 1e-6


def test_a_creep_below_the_target_is_told_and_does_not_count() -> None:
    assert not known(creeping(2, 0.01)).creeps(0.02)


def test_becoming_faster_is_no_creep() -> None:
    found = known(creeping(3, -0.04))
    assert found.size < -0.02
    assert not found.creeps(0.02)


def test_sizes_are_covered_as_often_as_promised() -> None:
    covered = [(found := known(creeping(seed, 0.03))).low <= 0.03 <= found.high for seed in range(200)]
    assert np.mean(covered) > 0.9


def test_noise_that_remembers_is_seldom_a_creep() -> None:
    rng, believed = np.random.default_rng(4), 0
    for _ in range(200):
        wander = np.zeros(60)
        for i in range(1, wander.size):
            wander[i] = 0.5 * wander[i - 1] + rng.normal(0, 0.01)
        believed += known(np.exp(wander)).creeps(0.0)
    assert believed <= 4


@given(st.integers(0, 1000), st.floats(-9, 9))
@settings(deadline=None)
def test_the_unit_does_not_matter(seed: int, exponent: float) -> None:
    series = creeping(seed, 0.02)
    one, other = known(series), known(series * 10**exponent)
    assert other.size == pytest.approx(one.size, rel=1e-6, abs=1e-9)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-3, abs=1e-12)


@given(st.floats(1e-9, 1e9), st.integers(10, 60))
def test_a_constant_series_does_not_creep(value: float, points: int) -> None:
    found = known(np.full(points, value))
    assert (found.size, found.creeps(0.0)) == (0.0, False)


def test_too_few_points_have_no_trend() -> None:
    assert trend([1.0] * 9) is None


@pytest.mark.parametrize("series", [[1.0, float("nan")], [[1.0, 2.0]], [0.0] * 20])
def test_what_is_no_series_of_times_is_refused(series: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        trend(series)
