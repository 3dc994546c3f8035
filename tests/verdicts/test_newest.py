"""The newest session without a baseline build: judged by how sessions of the same build differ."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.newest import newest
from ontarget.harness.statistics.student import cdf, upper_quantile

BETWEEN, WITHIN = 0.003, 0.002  # standard deviations of sessions, and of a session's pairs


def sessions(rng: np.random.Generator, count: int, between: float = BETWEEN) -> NDArray[np.float64]:
    return rng.normal(0.4, between, count)


def pairs(rng: np.random.Generator, slower: float, count: int = 10, between: float = BETWEEN) -> NDArray[np.float64]:
    return rng.normal(0.4 + np.log1p(slower) + rng.normal(0, between), WITHIN, count)


def test_a_slow_down_beyond_what_sessions_differ_by_is_regressed() -> None:
    rng = np.random.default_rng(1)
    found = [newest(sessions(rng, 30), pairs(rng, 0.05)) for _ in range(100)]
    assert {one.answer for one in found} == {Answer.REGRESSED}
    assert np.mean([(one.low or 0) < 0.05 < (one.high or 0) for one in found]) > 0.88


def test_a_speed_up_is_improved() -> None:
    rng = np.random.default_rng(2)
    assert newest(sessions(rng, 30), pairs(rng, -0.05)).answer is Answer.IMPROVED


def test_no_change_passes() -> None:
    rng = np.random.default_rng(3)
    assert newest(sessions(rng, 30), pairs(rng, 0.0)).answer is Answer.PASS


def test_unchanged_builds_are_hardly_ever_regressed() -> None:
    rng = np.random.default_rng(4)
    answers = [newest(sessions(rng, 20), pairs(rng, 0.0)).answer for _ in range(400)]
    assert answers.count(Answer.REGRESSED) <= 1


def test_many_pairs_do_not_make_up_for_sessions_that_differ() -> None:
    rng = np.random.default_rng(5)
    found = newest(sessions(rng, 30, between=0.03), pairs(rng, 0.02, count=1000, between=0.0))
    assert found.answer is Answer.INCONCLUSIVE
    assert "sessions of the same build differ" in found.note


@pytest.mark.parametrize(("earlier", "own"), [(7, 10), (30, 2), (0, 0)])
def test_few_points_are_inconclusive_and_say_so(earlier: int, own: int) -> None:
    rng = np.random.default_rng(6)
    found = newest(sessions(rng, earlier), pairs(rng, 0.2, count=own))
    assert found.answer is Answer.INCONCLUSIVE
    assert f"found {own} launch pairs and {earlier} sessions" in found.note
    assert found.effect is None


def test_what_came_before_the_last_change_is_left_out() -> None:
    rng = np.random.default_rng(7)
    history = np.concatenate([sessions(rng, 40) - np.log1p(0.1), sessions(rng, 30)])
    found = newest(history, pairs(rng, 0.0))
    assert found.answer is Answer.PASS
    assert found.sessions == pytest.approx(30, abs=1)


def test_one_broken_session_does_not_hide_a_slow_down() -> None:
    rng = np.random.default_rng(8)
    history = sessions(rng, 30)
    history[10] -= 0.4
    assert newest(history, pairs(rng, 0.05)).answer is Answer.REGRESSED


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="history"):
        newest([0.1, float("nan")], [0.1])
    with pytest.raises(ValueError, match="pairs"):
        newest([0.1], [[0.1]])


@pytest.mark.parametrize(("freedom", "published"), [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (29, 2.045)])
def test_students_t_agrees_with_the_published_table(freedom: int, published: float) -> None:
    assert upper_quantile(0.025, freedom) == pytest.approx(published, abs=5e-4)
    assert cdf(published, freedom) == pytest.approx(0.975, abs=5e-5)
