"""Whose throttling it is: a candidate under which the device holds itself back more often is a finding of its own."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.comparison import Finding
from ontarget.harness.metrics.pairs import Side
from ontarget.harness.metrics.throttling import ROUNDS, Round, e_value, whose
from ontarget.harness.outcomes import Answer


def ask(candidate: float, baseline: float, *, seed: int = 1, cool: Callable[[], bool] = lambda: True) -> Finding:
    """A device that throttles with these probabilities while a side runs alone."""
    rng = np.random.default_rng(seed)
    chance = {Side.CANDIDATE: candidate, Side.BASELINE: baseline}
    return whose(lambda side: Conditions(throttled=bool(rng.random() < chance[side])), cool, rng)


def test_a_candidate_that_throttles_the_device_is_found() -> None:
    found = ask(1.0, 0.0)
    assert found.check == "latency-throttling"
    assert found.verdict.answer is Answer.REGRESSED
    assert found.verdict.confirmed is True
    assert f"in {found.verdict.pairs} of {found.verdict.pairs} runs of the candidate alone, in 0 of" in found.message


@pytest.mark.parametrize("both", [0.0, 0.5, 1.0])
def test_a_device_that_throttles_under_both_says_nothing_of_the_candidate(both: float) -> None:
    answers = {ask(both, both, seed=seed).verdict.answer for seed in range(50)}
    assert answers == {Answer.PASS}


def test_a_candidate_that_throttles_less_is_no_finding() -> None:
    assert ask(0.0, 1.0).verdict.answer is Answer.PASS


def test_a_device_that_does_not_cool_down_is_not_judged() -> None:
    found = ask(1.0, 0.0, cool=lambda: False)
    assert found.verdict.pairs == 0
    assert found.verdict.answer is Answer.PASS


def test_a_device_that_no_longer_throttles_is_left_alone_soon() -> None:
    assert ask(0.0, 0.0).verdict.pairs < ROUNDS / 2


def test_a_suspicion_that_fresh_rounds_do_not_confirm_is_told() -> None:
    rng = np.random.default_rng(1)
    runs = iter(range(1000))

    def alone(side: Side) -> Conditions:
        return Conditions(throttled=side is Side.CANDIDATE and next(runs) < 14)

    found = whose(alone, lambda: True, rng)
    assert found.verdict.answer is Answer.INCONCLUSIVE
    assert found.verdict.confirmed is False
    assert "not confirmed" in found.message


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_the_bets_are_fair(rounds: list[tuple[bool, bool]]) -> None:
    """Whatever came before, one more round with a difference is worth as much as it is not."""
    before = [Round(*one) for one in rounds]
    here, there = (e_value([*before, Round(side, not side)]) for side in (True, False))
    assert (here + there) / 2 == pytest.approx(e_value(before))
