"""What is asked of the launch pairs of one comparison: is the candidate slower, do its times spread more, is its tail
longer.

Each question reads one number off a pair, a log ratio candidate/baseline whose sign is a fair coin when nothing
changed, and has rules of its own. All are judged on the same pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.pairs import LaunchPair, Side
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.bursts import BurstStatistic
from ontarget.harness.statistics.rules import Rule

LATENCY: Final = "latency"
SPREAD: Final = "latency-spread"
TAIL: Final = "latency-tail"

# From this e-value on an answer that is not reached yet is worth more pairs: one in ten gets so far by chance.
IN_SIGHT: Final = 10.0

FloatArray = NDArray[np.float64]
Reading = Callable[[LaunchPair, BurstStatistic], float]


@dataclass(frozen=True)
class Question:
    """A check, how a pair answers it, the rule for a first answer and the one for fresh pairs to confirm a suspect."""

    check: str
    reading: Reading
    first: Rule
    second: Rule


@dataclass
class Inquiry:
    """A question on its way to its answer.

    `suspects` are the sound pairs after which the first rule said regressed, None while it has not; the fresh pairs
    come after them. `answer` is None while the question is open. Times are in seconds of the caller's clock.
    """

    question: Question
    seconds: float
    end: float
    suspects: int | None = None
    answer: Answer | None = None
    _readings: list[float] = field(default_factory=list)
    _by: BurstStatistic | None = None

    @property
    def rule(self) -> Rule:
        return self.question.first if self.suspects is None else self.question.second

    @property
    def suspected(self) -> bool:
        return self.suspects is not None

    @property
    def confirmed(self) -> bool | None:
        """Whether fresh pairs confirmed the suspicion, None if there was none."""
        return None if self.suspects is None else self.answer is Answer.REGRESSED

    def readings(self, sound: list[LaunchPair], statistic: BurstStatistic) -> FloatArray:
        """The question's number of each sound pair [pairs], in measuring order."""
        if self._by is not statistic:
            self._by, self._readings = statistic, []
        self._readings += [self.question.reading(pair, statistic) for pair in sound[len(self._readings) :]]
        return np.array(self._readings)

    def look(self, sound: list[LaunchPair], statistic: BurstStatistic, now: float, *, last: bool = False) -> None:
        """Judge what is there. A suspect gets the time and the pairs of its confirmation from here on."""
        found = self.rule.look(self.readings(sound, statistic)[self.suspects or 0 :], last=last)
        if self.suspects is not None:
            # Only regressed is a confirmation; what fresh pairs say otherwise leaves the suspicion open.
            self.answer = found if found in {None, Answer.REGRESSED} else Answer.INCONCLUSIVE
        elif found is Answer.REGRESSED:
            self.suspects, self.end = len(sound), now + self.seconds
        else:
            self.answer = found

    def may_go_on(self, sound: int, now: float) -> bool:
        """Whether it is open, with pairs and seconds left."""
        return self.answer is None and sound - (self.suspects or 0) < self.rule.budget and now < self.end

    def e_value(self, sound: list[LaunchPair], statistic: BurstStatistic) -> float | None:
        """The present evidence against "no change for the worse" in all pairs, None where the rules have none.

        An e-value of fresh pairs multiplies that of the pairs before.
        """
        values = self.readings(sound, statistic)
        parts = [(self.question.first, values[: self.suspects])]
        if self.suspects is not None:
            parts.append((self.question.second, values[self.suspects :]))
        found = [rule.e_value(part) if part.size else 1.0 for rule, part in parts]
        product = 1.0
        for value in found:
            if value is None:
                return None
            product *= value
        return product


def slower(pair: LaunchPair, statistic: BurstStatistic) -> float:
    """log(candidate / baseline) of the times."""
    return pair.difference(statistic)


def wider(pair: LaunchPair, _: BurstStatistic) -> float:
    """log(candidate / baseline) of p90/p50: by how much more of its median the candidate's p90 lies above it."""
    return _stretched(pair, 0.9)


def longer_tailed(pair: LaunchPair, _: BurstStatistic) -> float:
    """log(candidate / baseline) of p99/p50."""
    return _stretched(pair, 0.99)


def _stretched(pair: LaunchPair, quantile: float) -> float:
    """By how much the far quantile grew against the median, as far as it grew by itself, too.

    A median that falls leaves the same interruptions farther above it, and one that rises nearer: neither is a matter
    of the spread. So where the quantile and its ratio to the median disagree, nothing is said, which is as fair to both
    sides as what is said elsewhere.
    """
    (middle, far), (middle_before, far_before) = (
        np.log(np.maximum(np.quantile(pair.samples[side], (0.5, quantile)), 1.0))  # a coarse clock's 0 counts as a unit
        for side in (Side.CANDIDATE, Side.BASELINE)
    )
    by_itself = float(far - far_before)
    of_the_median = by_itself - float(middle - middle_before)
    if by_itself * of_the_median <= 0:
        return 0.0
    return min(by_itself, of_the_median, key=abs)
