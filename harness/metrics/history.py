"""Judging a candidate without a baseline build: by the levels that earlier sessions measured."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.comparison import Comparison, effect_in_words
from ontarget.harness.metrics.latency import Plan
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics.newest import newest


def judged_by_history(comparison: Comparison, history: NDArray[np.float64], plan: Plan) -> Comparison:
    """The comparison with an answer by history, or as it was where history cannot tell.

    `history` [sessions >= 0] are earlier levels under the same identity, oldest first: log ratios of the candidate's
    call to a turn of the same reference kernel.
    """
    level = comparison.level
    if level is None or comparison.verdict.answer is not Answer.INCONCLUSIVE:
        return comparison
    found = newest(history, level.ratios, target=plan.target, smallest_effect=plan.smallest_effect)
    if found.answer is Answer.INCONCLUSIVE:
        return comparison
    verdict = Verdict(
        answer=found.answer,
        effect=found.effect,
        interval=(found.low, found.high),
        pairs=len(level.ratios),
        smallest_effect=plan.smallest_effect,
    )
    message = f"{comparison.message}; against {found.sessions} earlier sessions: {effect_in_words(verdict)}"
    return replace(comparison, verdict=verdict, message=message)
