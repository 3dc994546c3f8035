"""What the rule promises: few false alarms, the target found, the unit and the side's name without influence."""

from math import log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.rules import ALPHA, SignedRankRule, confirmation_rule, signed_rank_rule

MIRROR = {Answer.REGRESSED: Answer.IMPROVED, Answer.IMPROVED: Answer.REGRESSED}


def decide(rule: SignedRankRule, differences: NDArray[np.float64]) -> tuple[Answer | None, int]:
    for pairs in range(1, rule.budget + 1):
        answer = rule.look(differences[:pairs])
        if answer is not None:
            return answer, pairs
    return None, rule.budget


@pytest.mark.parametrize("budget", [1, 5, 6, 13, 14, 25, 30, 60])
def test_the_looks_spend_no_more_than_alpha_and_end_at_the_budget(budget: int) -> None:
    rule = signed_rank_rule(budget=budget)
    assert rule.budget == budget
    assert sum(look.alpha for look in rule.looks) <= ALPHA * (1 + 1e-12)
    assert sum(look.pass_alpha for look in rule.looks) <= 0.05 * (1 + 1e-12)
    assert len({look.pairs for look in rule.looks}) == len(rule.looks)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one launch pair"):
        signed_rank_rule(budget=0)


@pytest.mark.parametrize(
    ("effect", "answer"),
    [
        (0.0, Answer.PASS),
        (0.001, Answer.PASS),
        (0.03, Answer.REGRESSED),
        (0.3, Answer.REGRESSED),
        (-0.05, Answer.IMPROVED),
    ],
)
def test_clear_cases_end_early(effect: float, answer: Answer) -> None:
    noise = np.random.default_rng(3).normal(0, 0.003, 30)
    found, pairs = decide(signed_rank_rule(), log1p(effect) + noise)
    assert found is answer
    assert pairs <= 14


def test_waiting_for_an_improvement_loses_no_pass() -> None:
    differences = np.where(np.arange(30) % 7 == 6, 0.015, -0.008) + np.linspace(0, 1e-4, 30)
    assert decide(signed_rank_rule(), differences)[0] in {Answer.PASS, Answer.IMPROVED}


def test_certain_but_too_small_to_matter_is_no_regression() -> None:
    noise = np.random.default_rng(3).normal(0, 0.0005, 30)
    assert decide(signed_rank_rule(), 0.003 + noise)[0] is Answer.PASS
    assert decide(signed_rank_rule(target=0.001), 0.003 + noise)[0] is None
    assert decide(signed_rank_rule(target=0.001, smallest_effect=0.001), 0.003 + noise)[0] is Answer.REGRESSED


def test_too_noisy_for_the_target_is_no_pass() -> None:
    noise = np.random.default_rng(5).normal(0, 0.3, 30)
    assert decide(signed_rank_rule(), noise)[0] is None


def test_identical_times_pass() -> None:
    assert decide(signed_rank_rule(), np.zeros(30)) == (Answer.PASS, 6)


def test_a_suspect_needs_eight_fresh_pairs_of_one_sign() -> None:
    rule = confirmation_rule()
    differences = np.linspace(0.02, 0.03, 20)
    assert decide(rule, differences) == (Answer.REGRESSED, 8)
    differences[3] = -0.04
    assert decide(rule, differences)[1] > 8


@given(arrays(np.float64, 30, elements=st.floats(-0.01, 0.2)))
def test_looks_that_ask_about_change_mirror_each_other(differences: NDArray[np.float64]) -> None:
    rule = signed_rank_rule()
    for look in rule.looks:
        here, there = rule.look(differences[: look.pairs]), rule.look(-differences[: look.pairs])
        if here is Answer.REGRESSED:
            assert there is MIRROR[here]


def test_false_alarms_stay_within_alpha_under_a_nasty_null() -> None:
    """Two-mode differences with heavy tails, fair signs; at 200 times the alpha, as it is rare otherwise."""
    rng = np.random.default_rng(11)
    rule = signed_rank_rule(alpha=200 * ALPHA, smallest_effect=0.0, pass_alpha=0.0)
    alarms = 0
    tests = 1000
    for _ in range(tests):
        magnitude = np.where(rng.random(30) < 0.3, 0.05, 0.001) * (1 + rng.pareto(1.2, 30))
        alarms += decide(rule, magnitude * rng.choice((-1, 1), 30))[0] is Answer.REGRESSED
    assert alarms / tests <= 200 * ALPHA * 1.3
