"""Whether a history of differences between identical builds still fits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from ontarget.harness.statistics.likeness import compare_sizes, newest_alike

FloatArray = NDArray[np.float64]
FINITE = st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=40).map(np.array)


def sessions(rng: np.random.Generator, spreads: list[float], pairs: int = 10) -> list[FloatArray]:
    return [rng.normal(0, spread, pairs) for spread in spreads]


@given(FINITE, FINITE)
def test_the_distance_is_scipys_and_the_sign_does_not_matter(one: FloatArray, two: FloatArray) -> None:
    found = compare_sizes(one, two)
    with np.errstate(divide="ignore"):
        expected = stats.ks_2samp(np.abs(one), np.abs(two), method="asymp").statistic
    assert found.distance == pytest.approx(expected)
    assert compare_sizes(-one, np.abs(two)) == found


def test_the_p_value_is_close_to_scipys() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(0, 1, 150), rng.normal(0, 1.5, 60)
    expected = stats.ks_2samp(np.abs(one), np.abs(two), method="exact").pvalue
    assert compare_sizes(one, two).p_value == pytest.approx(expected, rel=0.3)


def test_sessions_of_one_kind_are_kept_whole() -> None:
    rng = np.random.default_rng(2)
    dropped = sum(newest_alike(sessions(rng, [0.002] * 20))[1] is not None for _ in range(300))
    assert dropped == 0


def test_sessions_whose_spread_varies_by_a_fifth_are_kept_nearly_always() -> None:
    rng = np.random.default_rng(3)
    spreads = 0.002 * np.exp(rng.normal(0, 0.2, (200, 20)))
    assert sum(newest_alike(sessions(rng, row.tolist()))[1] is not None for row in spreads) <= 2


def test_a_wider_spread_drops_what_came_before_it_and_is_named() -> None:
    rng = np.random.default_rng(4)
    begin, change = newest_alike(sessions(rng, [0.002] * 10 + [0.008] * 5))
    assert begin == 10
    assert change is not None
    assert "the usual difference went from 0.1" in str(change)


def test_another_shape_of_like_size_is_noticed() -> None:
    rng = np.random.default_rng(5)
    narrow = [rng.normal(0, 0.002, 10) for _ in range(12)]
    two_modes = [rng.choice([-1, 1], 10) * rng.normal(0.00135, 0.0002, 10) for _ in range(12)]
    begin, change = newest_alike([*narrow, *two_modes])
    assert begin in (11, 12, 13)
    assert "shape" in str(change)


def test_the_last_of_several_changes_counts() -> None:
    rng = np.random.default_rng(6)
    begin, _ = newest_alike(sessions(rng, [0.001] * 8 + [0.006] * 8 + [0.001] * 8))
    assert begin == 16


def test_too_few_new_differences_change_nothing_yet() -> None:
    rng = np.random.default_rng(7)
    assert newest_alike(sessions(rng, [0.001] * 10 + [0.02])) == (0, None)
