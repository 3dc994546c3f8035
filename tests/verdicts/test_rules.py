"""What the rule answers: early where it is clear, nothing where it is not, each answer for its reason."""

from math import log1p

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics import EProcessRule, confirmation_rule, eprocess_rule

FloatArray = NDArray[np.float64]
differences = arrays(np.float64, st.integers(1, 24), elements=st.floats(-0.2, 0.2))


def decide(rule: EProcessRule, d: FloatArray) -> tuple[Answer | None, int]:
    for pairs in range(1, min(rule.budget, len(d)) + 1):
        answer = rule.look(d[:pairs])
        if answer is not None:
            return answer, pairs
    return None, rule.budget


def noise(spread: float, *, pairs: int = 60, seed: int = 3) -> FloatArray:
    return np.random.default_rng(seed).normal(0, spread, pairs)


@pytest.mark.parametrize(
    ("effect", "answer", "most"),
    [
        (0.0, Answer.PASS, 9),
        (0.002, Answer.PASS, 9),
        (0.02, Answer.REGRESSED, 20),
        (0.05, Answer.REGRESSED, 16),
        (1.0, Answer.REGRESSED, 18),
        (-0.02, Answer.IMPROVED, 20),
        (-0.3, Answer.IMPROVED, 18),
    ],
)
def test_clear_cases_end_early(effect: float, answer: Answer, most: int) -> None:
    found, pairs = decide(eprocess_rule(), log1p(effect) + noise(0.003))
    assert found is answer
    assert pairs <= most


def test_two_mode_differences_are_learned() -> None:
    """Every second launch is 5 % slower: the target is found in less than the budget, better still with a history."""
    rng = np.random.default_rng(5)

    def modes(pairs: int) -> FloatArray:
        jumps = 0.05 * (rng.integers(0, 2, pairs) - rng.integers(0, 2, pairs))
        return np.asarray(jumps + rng.normal(0, 0.003, pairs))

    history = modes(100)
    series = [log1p(0.02) + modes(60) for _ in range(20)]
    alone = [decide(eprocess_rule(), d) for d in series]
    knowing = [decide(eprocess_rule(history=history), d) for d in series]
    for found in (alone, knowing):
        assert sum(answer is Answer.REGRESSED for answer, _ in found) >= 15
    assert sum(pairs for _, pairs in knowing) < sum(pairs for _, pairs in alone)


def test_a_history_that_does_not_fit_is_survived() -> None:
    d = log1p(0.02) + noise(0.008)
    for wrong in (np.full(50, 0.3), np.zeros(50), np.array([1e-9, -1e-9]), np.array([])):
        assert decide(eprocess_rule(history=wrong), d)[0] is Answer.REGRESSED


def test_certain_but_too_small_to_matter_is_no_regression() -> None:
    d = 0.003 + noise(0.0005)
    assert decide(eprocess_rule(), d)[0] is Answer.PASS
    assert decide(eprocess_rule(target=0.001), d)[0] is None
    assert decide(eprocess_rule(target=0.001, smallest_effect=0.001), d)[0] is Answer.REGRESSED


def test_too_noisy_for_the_target_is_no_answer() -> None:
    assert decide(eprocess_rule(), noise(0.3))[0] is None


def test_identical_times_pass_and_say_nothing_of_a_slow_down() -> None:
    rule = eprocess_rule()
    assert decide(rule, np.zeros(60))[0] is Answer.PASS
    assert rule.e_value(np.zeros(30)) <= 1


def test_one_outlier_bankrupts_nobody() -> None:
    d = log1p(0.02) + noise(0.003)
    d[[2, 7]] = (-3.0, -0.4)
    answer, pairs = decide(eprocess_rule(), d)
    assert answer is Answer.REGRESSED
    assert pairs <= 40


def test_a_suspect_is_confirmed_with_less() -> None:
    d = log1p(0.02) + noise(0.003)
    answer, pairs = decide(confirmation_rule(), d)
    assert answer is Answer.REGRESSED
    assert pairs < decide(eprocess_rule(), d)[1]


@settings(deadline=None)  # a busy machine
@given(differences)
def test_less_than_twelve_pairs_are_never_enough_to_fail_a_test(d: FloatArray) -> None:
    """Wealth at most doubles with a pair, and 2 ** 11 is less than 1 / 0.025 %."""
    assert decide(eprocess_rule(), np.abs(d[:11]) + 0.01)[0] is not Answer.REGRESSED


@settings(deadline=None)  # a busy machine
@given(differences)
def test_slower_and_faster_mirror_each_other(d: FloatArray) -> None:
    here, mirrored = (eprocess_rule(smallest_effect=0.0, alpha=0.02, pass_alpha=1e-9) for _ in range(2))
    mirror = {Answer.REGRESSED: Answer.IMPROVED, Answer.IMPROVED: Answer.REGRESSED, None: None}
    both = Answer.REGRESSED is here.look(d) is mirrored.look(-d)  # each once: slower goes before faster
    assert both or mirrored.look(-d) is mirror[here.look(d)]


@settings(deadline=None)  # a busy machine
@given(differences, st.data())
def test_an_answer_depends_on_what_is_looked_at_alone(d: FloatArray, data: st.DataObject) -> None:
    """However a rule was used before: for other differences, for more of these, for fewer."""
    rule = eprocess_rule(alpha=0.02)
    for _ in range(3):
        rule.look(d[: data.draw(st.integers(0, len(d)))] * data.draw(st.sampled_from((1.0, -1.0, 2.0))))
    assert rule.look(d) is eprocess_rule(alpha=0.02).look(d)
    assert rule.e_value(d) == eprocess_rule(alpha=0.02).e_value(d)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"budget": 0}, "at least one launch pair"),
        ({"target": 0.0}, "target slow-down above 0"),
        ({"target": float("nan")}, "target slow-down above 0"),
        ({"smallest_effect": -0.1}, "smallest effect of at least 0"),
        ({"alpha": 0.0}, "alpha between 0 and 1"),
        ({"pass_alpha": 1.0}, "pass_alpha between 0 and 1"),
        ({"history": [0.1, float("nan")]}, "finite numbers in history"),
        ({"history": [[0.1]]}, "one dimension"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        eprocess_rule(**options)  # type: ignore[arg-type] # wrong on purpose


def test_an_improvement_in_sight_is_waited_for_unless_there_is_no_more_time() -> None:
    faster = np.full(8, log1p(-0.05))
    rule = eprocess_rule(smallest_effect=0.0)
    assert rule.look(faster) is None
    assert rule.look(faster, last=True) is Answer.PASS


def test_a_slow_down_of_nearly_the_target_is_not_let_through_for_want_of_pairs() -> None:
    nearly = np.full(20, log1p(0.0185)) + noise(0.0002, pairs=20)
    answer, pairs = decide(eprocess_rule(), nearly)
    assert answer is Answer.REGRESSED
    assert pairs <= 16
    assert eprocess_rule().look(nearly[:10]) is None
    assert eprocess_rule().look(nearly[:10], last=True) is Answer.PASS


def test_half_the_target_passes_as_soon_as_it_may() -> None:
    half = np.full(20, log1p(0.01)) + noise(0.0002, pairs=20)
    answer, pairs = decide(eprocess_rule(), half)
    assert answer is Answer.PASS
    assert pairs <= 8
