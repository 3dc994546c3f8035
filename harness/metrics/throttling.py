"""Whether the device throttles more often under the candidate than under the baseline: a finding of its own.

While the two take turns, the heat is of both. So where pairs were spoilt by throttling, each side runs alone for a
while, in rounds of both, a coin deciding who goes first; what counts is in which of them the device held itself back.
Under "no difference" it is a fair coin which side that is, in rounds where it is one and not the other.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import numpy as np

from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.comparison import Finding
from ontarget.harness.metrics.pairs import SIDES, Contest, Side, baseline_excused, start
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics.rules import ALPHA, CONFIRM_ALPHA

CHECK: Final = "latency-throttling"
# Pairs that throttling spoilt, from which on it is worth asking whose it was.
SPOILT: Final = 3
ROUNDS: Final = 30
_QUIET_ROUNDS: Final = 6  # without a difference: there is nothing to find
_ALONE_SECONDS: Final = 1.0
_COOLING: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between looks whether the device still throttles
_STAKES: Final = (0.5, 0.95)

Alone = Callable[[Side], Conditions]
"""Runs one side alone for a while; returns the conditions right after."""


@dataclass(frozen=True)
class Round:
    """Whether the device throttled while the candidate ran, and while the baseline did."""

    candidate: bool
    baseline: bool

    @property
    def sign(self) -> int:
        return int(self.candidate) - int(self.baseline)


def e_value(rounds: list[Round]) -> float:
    """The evidence against "no more often under the candidate": bets on the sign of each round that has one."""
    wealth = [float(np.prod([1 + stake * one.sign for one in rounds])) for stake in _STAKES]
    return float(np.mean(wealth))


def whose(alone: Alone, cool: Callable[[], bool], rng: np.random.Generator, *, rounds: int = ROUNDS) -> Finding:
    """Run rounds until it is clear whose the throttling is; a suspicion is confirmed by fresh rounds.

    `cool` waits until the device does not throttle any more, False if it goes on: such a round does not count.
    """
    done: list[Round] = []
    suspects: int | None = None
    answer = Answer.PASS
    for _ in range(rounds):
        order = SIDES if rng.integers(2) else SIDES[::-1]
        throttled: dict[Side, bool] = {}
        for side in order:
            if not cool():
                break
            throttled[side] = bool(alone(side).throttled)
        if len(throttled) < len(SIDES):
            continue
        done.append(Round(throttled[Side.CANDIDATE], throttled[Side.BASELINE]))
        if suspects is None and e_value(done) >= 1 / ALPHA:
            suspects = len(done)
        elif suspects is not None and e_value(done[suspects:]) >= 1 / CONFIRM_ALPHA:
            answer = Answer.REGRESSED
            break
        if len(done) >= _QUIET_ROUNDS and not any(one.sign for one in done):
            break
    if answer is Answer.PASS and suspects is not None:
        answer = Answer.INCONCLUSIVE
    confirmed = None if suspects is None else answer is Answer.REGRESSED
    verdict = Verdict(answer, None, (None, None), len(done), e_value(done), confirmed)
    ours, theirs = sum(one.candidate for one in done), sum(one.baseline for one in done)
    message = (
        f"the device throttled in {ours} of {len(done)} runs of the candidate alone, in {theirs} of the baseline's"
        + (", not confirmed by fresh rounds" if confirmed is False else "")
    )
    return Finding(CHECK, verdict, message, tuple(float(one.sign) for one in done))


def whose_throttling(
    contest: Contest, plan: CallPlan, call_seconds: float, rng: np.random.Generator, pause: Callable[[float], None]
) -> Finding:
    """Ask the contest's device. Raises what the candidate's code ends in, BaselineUnusable, InfraError."""
    device = contest.candidate.device
    samples = max(1, round(_ALONE_SECONDS / (plan.calls_per_sample * call_seconds)))

    def alone(side: Side) -> Conditions:
        with ExitStack() as stack:
            stack.enter_context(device.quiet())
            bound = start(contest, side, stack)
            with baseline_excused(side):
                bound.process.time(
                    bound,
                    samples=samples,
                    calls_per_sample=plan.calls_per_sample,
                    deadline=plan.deadline + 20 * _ALONE_SECONDS,
                )
            return device.conditions()

    def cool() -> bool:
        for seconds in _COOLING:
            if not device.conditions().throttled:
                return True
            pause(seconds)
        return not device.conditions().throttled

    return whose(alone, cool, rng)
