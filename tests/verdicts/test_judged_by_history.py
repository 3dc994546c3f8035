"""A candidate without a baseline build, judged by the levels of earlier sessions."""

from dataclasses import replace

import numpy as np
import pytest

from ontarget.harness.metrics.comparison import Comparison, not_compared
from ontarget.harness.metrics.history import judged_by_history
from ontarget.harness.metrics.latency import Plan
from ontarget.harness.metrics.reference import Level
from ontarget.harness.outcomes import Answer

RNG = np.random.default_rng(1)
HISTORY = 5.0 + RNG.normal(0, 0.002, 30)


def measured(level: float) -> Comparison:
    ratios = tuple(level + RNG.normal(0, 0.001, 6))
    return replace(not_compared("latency", "no baseline"), level=Level(ratios, 1e-3, "f" * 64))


@pytest.mark.parametrize(("change", "answer"), [(0.0, Answer.PASS), (0.05, Answer.REGRESSED), (-0.05, Answer.IMPROVED)])
def test_the_answer_and_its_size_are_told(change: float, answer: Answer) -> None:
    found = judged_by_history(measured(5.0 + np.log1p(change)), HISTORY, Plan())
    assert found.verdict.answer is answer
    assert found.verdict.effect == pytest.approx(change, abs=0.005)
    assert found.message.startswith("no baseline; against 30 earlier sessions: ")


def test_too_short_a_history_leaves_it_at_no_baseline() -> None:
    comparison = measured(6.0)
    assert judged_by_history(comparison, HISTORY[:3], Plan()) is comparison
    assert judged_by_history(comparison, np.empty(0), Plan()) is comparison


def test_without_a_level_there_is_nothing_to_judge() -> None:
    comparison = not_compared("latency", "no baseline")
    assert judged_by_history(comparison, HISTORY, Plan()) is comparison
