"""Measures launch pairs until the questions are answered or a budget is spent; suspects are confirmed by fresh ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.pairs import LaunchPair
from ontarget.harness.metrics.questions import IN_SIGHT, Inquiry, Question
from ontarget.harness.metrics.steadiness import flaw, too_many_flawed
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.bursts import BurstStatistic, steadiest

# The pairs from which it is chosen what stands for a burst; no look comes earlier, but where the budget ends.
CALIBRATION_PAIRS = 5
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


@dataclass
class Evidence:
    """What was measured, and what it says: `main` is the question that decides how long, `others` are judged beside it.

    `invalid`: conditions broke too often to judge anything.
    """

    main: Inquiry
    others: tuple[Inquiry, ...] = ()
    pairs: list[LaunchPair] = field(default_factory=list)
    chosen: BurstStatistic | None = None
    invalid: bool = False

    @property
    def sound(self) -> list[LaunchPair]:
        return [pair for pair in self.pairs if pair.flaw is None]

    @property
    def statistic(self) -> BurstStatistic:
        return self.chosen or BurstStatistic.MEDIAN

    @property
    def answer(self) -> Answer:
        """What is believed of the main question."""
        return Answer.INVALID if self.invalid else self.main.answer or Answer.INCONCLUSIVE

    @property
    def suspects(self) -> int:
        """The sound pairs of the main question's first answer; those after them are to confirm it."""
        return len(self.sound) if self.main.suspects is None else self.main.suspects

    def differences(self) -> NDArray[np.float64]:
        """d of the sound pairs [pairs], in measuring order."""
        return self.main.readings(self.sound, self.statistic)

    def calibrate(self, *, at_least: int = 1) -> None:
        """Choose what stands for a burst, once, if so many sound pairs are there."""
        sound = self.sound
        if self.chosen is None and len(sound) >= at_least:
            self.chosen = steadiest([pair.in_order() for pair in sound])


def gather(
    next_pair: Callable[[], LaunchPair],
    main: Question,
    others: Sequence[Question] = (),
    *,
    seconds: float,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    told: Callable[[Evidence], None] = lambda _: None,
) -> Evidence:
    """Answer the `main` question, and the `others` as far as its pairs do; a suspect is confirmed on fresh pairs.

    Each first answer gets `seconds` by `clock`, each confirmation as many again. Another question goes on beyond the
    main one only while it is a suspect, or its evidence is in sight, and not where the main one regressed. After a pair
    that broke its conditions the device gets a `pause` (seconds, twice as long each time) before the next; where most
    pairs break them, the answer is invalid. `told` hears of the evidence after each pair.
    """
    start, wait = clock(), _SHORTEST_PAUSE
    end = start + seconds
    evidence = Evidence(Inquiry(main, seconds, end), tuple(Inquiry(other, seconds, end) for other in others))
    while _next_inquiry(evidence, clock()) is not None:
        began = clock() - start
        pair = next_pair()
        broken = flaw(pair.before, pair.after, evidence.pairs, pair.during)
        pair = replace(pair, flaw=broken, began=began, ended=clock() - start)
        evidence.pairs.append(pair)
        told(evidence)
        if pair.flaw is not None:
            if too_many_flawed(evidence.pairs):
                evidence.invalid = True
                break
            pause(wait)
            wait = min(2 * wait, _LONGEST_PAUSE)
            continue
        evidence.calibrate(at_least=min(CALIBRATION_PAIRS, main.first.budget))
        if evidence.chosen is not None and evidence.main.answer is None:
            evidence.main.look(evidence.sound, evidence.statistic, clock())
    if not evidence.invalid:
        _look_once_more(evidence, clock())
    return evidence


def _next_inquiry(evidence: Evidence, now: float) -> Inquiry | None:
    """The question for which another pair is measured, None if there is none."""
    count = len(evidence.sound)
    if evidence.main.may_go_on(count, now):
        return evidence.main
    if evidence.chosen is None or evidence.main.answer is Answer.REGRESSED:
        return None  # a slower build may well spread more: there is nothing more to find
    for inquiry in evidence.others:
        if inquiry.answer is None:
            inquiry.look(evidence.sound, evidence.statistic, now)
        if inquiry.may_go_on(count, now) and (inquiry.suspected or _in_sight(inquiry, evidence)):
            return inquiry
    return None


def _in_sight(inquiry: Inquiry, evidence: Evidence) -> bool:
    value = inquiry.e_value(evidence.sound, evidence.statistic)
    return value is not None and value >= IN_SIGHT


def _look_once_more(evidence: Evidence, now: float) -> None:
    """What a budget cut short is judged by what is there: looking again costs an e-process nothing."""
    evidence.calibrate()
    for inquiry in (evidence.main, *evidence.others):
        if inquiry.answer is None and evidence.sound:
            inquiry.look(evidence.sound, evidence.statistic, now, last=True)
