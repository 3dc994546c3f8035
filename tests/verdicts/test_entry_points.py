"""`verdict` and `sequential`, as others call them on their own data."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ontarget.harness.metrics.pairs import LaunchPair, Side
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics import decide, eprocess_rule, sequential, verdict
from ontarget.harness.statistics.bursts import BurstStatistic
from support.launch_pairs import STEADY

FloatArray = NDArray[np.float64]
times = arrays(np.float64, 30, elements=st.floats(0.97, 1.06))
units = st.sampled_from((1e-9, 1e-3, 7.0, 1e6))


def launches(
    slowdown: float, *, pairs: int = 60, spread: float = 0.004, seed: int = 1
) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    baseline, candidate = np.exp(rng.normal(0, spread, (2, pairs)))
    return baseline, candidate * (1 + slowdown)


def one_by_one(baseline: FloatArray, candidate: FloatArray) -> Callable[[], tuple[float, float]]:
    pairs: Iterator[tuple[float, float]] = iter(zip(baseline.tolist(), candidate.tolist(), strict=True))
    return lambda: next(pairs)


def test_slower_is_told_from_unchanged_and_from_faster() -> None:
    assert verdict(*launches(0.02)) is True
    assert verdict(*launches(0.0)) is False
    assert verdict(*launches(-0.02)) is False


def test_lists_and_integers_will_do() -> None:
    assert verdict([1000] * 20, [1020 + (i % 3) for i in range(20)]) is True


def test_sequential_stops_asking_when_it_knows() -> None:
    assert sequential(one_by_one(*launches(0.0)))[0] is Answer.PASS
    answer, pairs = sequential(one_by_one(*launches(0.05)))
    assert (answer, pairs <= 20) == (Answer.REGRESSED, True)
    assert sequential(one_by_one(*launches(-0.05)))[0] is Answer.IMPROVED
    assert sequential(one_by_one(*launches(0.0, spread=0.5))) == (Answer.INCONCLUSIVE, 60)


def test_pairs_after_the_sixtieth_are_not_looked_at() -> None:
    baseline, candidate = launches(0.0, pairs=100, spread=0.5)
    candidate[60:] = 2 * baseline[60:]
    assert verdict(baseline, candidate) is False


def test_another_target_and_budget_by_a_rule() -> None:
    baseline, candidate = launches(0.01, pairs=150, spread=0.006)
    rule = eprocess_rule(target=0.01, smallest_effect=0.0, budget=150)
    assert decide(rule, one_by_one(baseline, candidate))[0] is Answer.REGRESSED


@settings(deadline=None)
@given(times, times, units)
def test_the_unit_does_not_matter(baseline: FloatArray, candidate: FloatArray, unit: float) -> None:
    assert verdict(unit * baseline, unit * candidate) is verdict(baseline, candidate)


@settings(deadline=None)
@given(times, times)
def test_sides_are_not_both_slower_than_the_other(baseline: FloatArray, candidate: FloatArray) -> None:
    assert not (verdict(baseline, candidate) and verdict(candidate, baseline))


@settings(deadline=None)
@given(times, times, arrays(np.bool_, 30))
def test_who_went_first_within_a_pair_does_not_matter(
    baseline: FloatArray, candidate: FloatArray, candidate_first: NDArray[np.bool_]
) -> None:
    """The same launches, with another coin: the same verdict, as d has its sign from the side and not from the turn."""

    def pair(base: float, cand: float, first: Side) -> float:
        samples = {side: np.full((3, 2), time) for side, time in ((Side.BASELINE, base), (Side.CANDIDATE, cand))}
        measured = LaunchPair(first, samples, samples, STEADY, STEADY)
        return measured.difference(BurstStatistic.MEDIAN)

    sides = [Side.CANDIDATE if first else Side.BASELINE for first in candidate_first]
    base, cand = 1e6 * baseline, 1e6 * candidate
    tossed = np.array([pair(*found) for found in zip(base, cand, sides, strict=True)])
    rule = eprocess_rule(smallest_effect=0.0)
    answers = [rule.look(tossed[:pairs]) for pairs in range(1, 31)]
    found = next((answer for answer in answers if answer is not None), None)
    assert (found is Answer.REGRESSED) is verdict(baseline, candidate)


@pytest.mark.parametrize(
    ("baseline", "candidate", "words"),
    [
        ([], [], "at least one launch pair"),
        ([1.0, 1.0], [1.0], "found 2 baseline and 1 candidate times"),
        ([1.0, float("nan")], [1.0, 1.0], "finite numbers in baseline, found nan"),
        ([1.0, 1.0], [1.0, float("inf")], "finite numbers in candidate, found inf"),
        ([0.0, 1.0], [1.0, 1.0], "baseline times above 0, found 0.0"),
        ([1.0, 1.0], [1.0, -3.0], "candidate times above 0, found -3.0"),
        ([[1.0]], [[1.0]], "one dimension, found 2"),
        (1.0, 1.0, "one dimension, found 0"),
    ],
)
def test_bad_times_are_refused(baseline: object, candidate: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        verdict(baseline, candidate)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize("pair", [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_a_bad_pair_is_refused_when_it_comes(pair: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"above 0|finite"):
        sequential(lambda: pair)
