"""Measures launch pairs until a rule answers or a budget is spent, and confirms suspects with fresh ones."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.pairs import LaunchPair
from ontarget.harness.metrics.steadiness import flaw, too_many_flawed
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.bursts import BurstStatistic, steadiest
from ontarget.harness.statistics.rules import Rule

# The pairs from which it is chosen what stands for a burst; no look comes earlier.
CALIBRATION_PAIRS = 5
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


@dataclass
class Evidence:
    """What was measured, and what it says.

    `first_answer` is what the first rule said, of `suspects` sound pairs; `answer` what is believed after the
    confirmation, if there was one.
    """

    pairs: list[LaunchPair] = field(default_factory=list)
    statistic: BurstStatistic | None = None
    first_answer: Answer = Answer.INCONCLUSIVE
    answer: Answer = Answer.INCONCLUSIVE
    suspects: int = 0

    @property
    def sound(self) -> list[LaunchPair]:
        return [pair for pair in self.pairs if pair.flaw is None]

    def differences(self) -> NDArray[np.float64]:
        """d of the sound pairs [pairs], in measuring order."""
        statistic = self.statistic or BurstStatistic.MEDIAN
        return np.array([pair.difference(statistic) for pair in self.sound])


def gather(
    next_pair: Callable[[], LaunchPair],
    first: Rule,
    second: Rule,
    *,
    seconds: float,
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> Evidence:
    """Reach an answer by the `first` rule, and have a regressed one confirmed by the `second`, on fresh pairs.

    Each rule gets `seconds` by `clock`. After a pair that broke its conditions the device gets a `pause` (seconds,
    twice as long each time) before the next; where most pairs break them, the answer is invalid.
    """
    evidence = Evidence()

    def ask(rule: Rule) -> Answer:
        skip, end, wait = len(evidence.sound), clock() + seconds, _SHORTEST_PAUSE
        while len(evidence.sound) - skip < rule.budget and clock() < end:
            pair = next_pair()
            pair = replace(pair, flaw=flaw(pair.before, pair.after, evidence.pairs))
            evidence.pairs.append(pair)
            if pair.flaw is not None:
                if too_many_flawed(evidence.pairs):
                    return Answer.INVALID
                pause(wait)
                wait = min(2 * wait, _LONGEST_PAUSE)
                continue
            sound = evidence.sound
            if evidence.statistic is None and len(sound) >= min(CALIBRATION_PAIRS, rule.budget):
                evidence.statistic = steadiest([found.in_order() for found in sound])
            if evidence.statistic is not None:
                answer = rule.look(evidence.differences()[skip:])
                if answer is not None:
                    return answer
        return Answer.INCONCLUSIVE

    evidence.answer = evidence.first_answer = ask(first)
    evidence.suspects = len(evidence.sound)
    if evidence.first_answer is Answer.REGRESSED:
        confirmed = ask(second)
        believed = confirmed in {Answer.REGRESSED, Answer.INVALID}
        evidence.answer = confirmed if believed else Answer.INCONCLUSIVE
    return evidence
