"""Change points in a test's history: found where they are, none where nothing changed, whatever the unit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ontarget.harness.statistics import change_points, detect

FloatArray = NDArray[np.float64]

noises = st.builds(
    lambda seed, points, spread: np.random.default_rng(seed).normal(0, spread, points),
    seed=st.integers(0, 2**32 - 1),
    points=st.integers(24, 120),
    spread=st.floats(1e-4, 0.05),
)


def history(noise: FloatArray, steps: dict[int, float]) -> FloatArray:
    """Times around 10 ms, each step a ratio - 1 from its index on."""
    logs = noise.copy()
    for at, ratio in steps.items():
        logs[at:] += np.log1p(ratio)
    return np.asarray(0.01 * np.exp(logs))


@given(noises, st.floats(-12, 12))
@settings(deadline=None)
def test_the_unit_does_not_matter(noise: FloatArray, exponent: float) -> None:
    series = history(noise, {noise.size // 2: 0.05})
    assert detect(series * 10**exponent) == detect(series)


@given(st.floats(1e-12, 1e12), st.integers(0, 200))
def test_a_constant_series_has_no_changes(value: float, points: int) -> None:
    assert detect([value] * points) == []


@given(noises, st.data())
@settings(deadline=None)
def test_a_step_far_above_the_noise_is_found_where_it_is(noise: FloatArray, data: st.DataObject) -> None:
    at = data.draw(st.integers(11, noise.size - 11))
    size = 12 * float(noise.std())
    found = detect(history(noise, {at: size}))
    assert any(abs(index - at) <= 1 for index in found)


@given(noises, st.data())
@settings(deadline=None)
def test_a_mirrored_history_has_mirrored_changes(noise: FloatArray, data: st.DataObject) -> None:
    at = data.draw(st.integers(11, noise.size - 11))
    series = history(noise, {at: 12 * float(noise.std())})
    assert len(detect(1 / series)) == len(detect(series))


@pytest.mark.parametrize("points", [12, 24, 100])
def test_a_step_without_noise_is_found_however_small(points: int) -> None:
    assert detect([1_000_000] * (points // 2) + [1_000_100] * (points // 2)) == [points // 2]


def test_a_single_outlier_starts_no_level() -> None:
    series = history(np.random.default_rng(1).normal(0, 0.005, 100), {})
    series[50] *= 3
    assert detect(series) == []


def test_a_few_slow_sessions_that_pass_start_no_level() -> None:
    series = history(np.random.default_rng(2).normal(0, 0.005, 100), {})
    series[40:46] *= 1.1
    assert detect(series) == []


def test_a_creep_is_left_to_the_trend() -> None:
    creep = np.linspace(0, 0.05, 120)
    assert detect(history(np.random.default_rng(3).normal(creep, 0.002), {})) == []


def test_noise_that_remembers_is_not_taken_for_levels() -> None:
    rng = np.random.default_rng(4)
    quiet_points, found = 0, 0
    for _ in range(40):
        wander = np.zeros(150)
        for i in range(1, wander.size):
            wander[i] = 0.6 * wander[i - 1] + rng.normal(0, 0.01)
        found += len(detect(np.exp(wander)))
        quiet_points += wander.size
    assert 100 * found / quiet_points < 0.3


def test_a_change_is_told_with_its_size_and_where_it_may_be() -> None:
    series = history(np.random.default_rng(5).normal(0, 0.01, 120), {70: 0.03})
    (change,) = change_points(series)
    assert change.earliest <= 70 <= change.latest
    assert change.low < 0.03 < change.high
    assert change.earliest <= change.index <= change.latest
    assert change.p_value < 1e-6


def test_sizes_are_covered_as_often_as_promised() -> None:
    rng = np.random.default_rng(6)
    told = [change for _ in range(200) for change in change_points(history(rng.normal(0, 0.01, 80), {40: 0.04}))]
    covered = [change.low <= 0.04 <= change.high for change in told]
    placed = [change.earliest <= 40 <= change.latest for change in told]
    assert len(told) >= 195
    assert np.mean(covered) > 0.88
    assert np.mean(placed) > 0.88


@pytest.mark.parametrize(
    ("series", "told"),
    [
        ([1.0] * 20 + [float("nan")], "nan at index 20"),
        ([1.0, float("inf")], "inf at index 1"),
        ([1.0, 0.0], "above 0"),
        ([-1.0] * 30, "-1.0 at index 0"),
        (np.ones((3, 20)), "one dimension, found 2"),
        (3.0, "one dimension, found 0"),
        ([1.0, 2j], "numbers above 0"),
    ],
)
def test_what_is_no_series_of_times_is_refused(series: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        detect(series)  # type: ignore[arg-type]  # what a caller may get wrong


@pytest.mark.parametrize("series", [[], [1.0], [1.0] * 5 + [2.0] * 5])
def test_a_short_series_shows_nothing(series: list[float]) -> None:
    assert detect(series) == []
