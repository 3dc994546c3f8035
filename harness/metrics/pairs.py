"""The launch pair: fresh processes of both builds, alternating bursts, one number. The unit of evidence.

For each pair both builds start as new processes (memory layout is drawn again), are prepared, warm up, and take turns
in bursts on the device, the idle side stopped. Coins decide who is launched first and who goes first, so that under
"no change" the sign of the pair's d is fair, whatever heat and clocks do meanwhile (Bulej et al., "Duet benchmarking").
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.conditions import Conditions
from ontarget.harness.device import DeployedBuild
from ontarget.harness.errors import MissingSymbol, NotOffered, OntargetError, ProductError
from ontarget.harness.metrics.planning import CallPlan, plan_calls
from ontarget.harness.statistics.bursts import BurstStatistic, difference
from ontarget.harness.steadying.readings import Moment

Call = Callable[[Process], Bound]
Prepare = Callable[[Process], None]
Samples = NDArray[np.int64]

_SCOUT_NS = 2e5


class Side(StrEnum):
    CANDIDATE = "candidate"
    BASELINE = "baseline"

    @property
    def other(self) -> "Side":
        return Side.BASELINE if self is Side.CANDIDATE else Side.CANDIDATE


SIDES = (Side.CANDIDATE, Side.BASELINE)


class BaselineUnusable(Exception):
    """The baseline cannot run the call; nothing is said about the candidate. `error` is what it ended in."""

    def __init__(self, error: OntargetError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Contest:
    """Two builds on one device, the call that they are compared in, and how their processes are started."""

    candidate: DeployedBuild
    baseline: DeployedBuild
    call: Call
    prepare: Prepare | None = None
    cores: tuple[int, ...] = ()
    threads: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    call_deadline: float = 10.0

    def build(self, side: Side) -> DeployedBuild:
        return self.candidate if side is Side.CANDIDATE else self.baseline


@dataclass(frozen=True)
class LaunchPair:
    """All that one pair measured, in nanoseconds per sample of `plan.calls_per_sample` calls.

    `samples` [bursts, samples per burst] and `warmups` [samples] by side; `before` and `after` are the device's
    conditions; `flaw` says why the pair does not count, None if it does. `began` and `ended` are seconds since the
    comparison's first pair began, None where nobody looked at a clock; `during` was sampled beside the bursts.
    """

    first: Side
    samples: Mapping[Side, Samples]
    warmups: Mapping[Side, Samples]
    before: Conditions
    after: Conditions
    flaw: str | None = None
    began: float | None = None
    ended: float | None = None
    during: tuple[Moment, ...] = ()

    def in_order(self) -> tuple[Samples, Samples]:
        """The samples of the side that went first, and of the other."""
        return self.samples[self.first], self.samples[self.first.other]

    def difference(self, statistic: BurstStatistic) -> float:
        """d = log(candidate / baseline)."""
        value = difference(*self.in_order(), statistic)
        return value if self.first is Side.CANDIDATE else -value

    def to_json(self) -> dict[str, Any]:
        """All of it, raw samples and warm-ups too (nanoseconds per sample)."""
        return {
            "first": self.first,
            "flaw": self.flaw,
            "began": self.began,
            "ended": self.ended,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "during": [asdict(moment) for moment in self.during],
            **{
                side: {"warmups": self.warmups[side].tolist(), "samples": self.samples[side].tolist()} for side in SIDES
            },
        }


@contextmanager
def baseline_excused(side: Side) -> Iterator[None]:
    """What the baseline's code does wrong is never blamed on the candidate."""
    try:
        yield
    except (ProductError, NotOffered, MissingSymbol) as error:
        if side is Side.BASELINE:
            raise BaselineUnusable(error) from error
        raise


def start(contest: Contest, side: Side, stack: ExitStack) -> Bound:
    """A fresh process of one build, with its call prepared and run once, as the deadline of a call demands.

    Raises what the code under test ends in, BaselineUnusable for the baseline.
    """
    bound = launched(contest, side, stack)
    with baseline_excused(side):
        bound.process.run(bound, deadline=contest.call_deadline)
    return bound


def launched(contest: Contest, side: Side, stack: ExitStack, *, cold: bool = False) -> Bound:
    """As `start`, with the call prepared and not run yet; `cold`: with no kernels that were compiled before."""
    with baseline_excused(side):
        process = contest.build(side).launch(
            cores=contest.cores, environment=contest.environment, threads=contest.threads, cold=cold
        )
        stack.callback(process.close)
        if contest.prepare is not None:
            contest.prepare(process)
        return contest.call(process)


def scout(contest: Contest, *, pair_seconds: float) -> CallPlan:
    """Time both sides roughly, in processes of their own, to plan the pairs.

    The candidate runs first, so that what it does wrong is seen even if the baseline does it, too.
    """
    return planned(contest, float(np.mean([scout_side(contest, side) for side in SIDES])), pair_seconds)


def scout_side(contest: Contest, side: Side) -> float:
    """Nanoseconds of one call of a side, roughly, in a process of its own."""
    with ExitStack() as stack:
        stack.enter_context(contest.candidate.device.quiet())
        contest.candidate.device.steady()
        bound = start(contest, side, stack)
        with baseline_excused(side):
            return call_time(bound, deadline=contest.call_deadline)


def planned(contest: Contest, call_ns: float, pair_seconds: float) -> CallPlan:
    """The plan of the contest's pairs for calls of so many nanoseconds, by the device's clock."""
    resolution = contest.candidate.device.session.hello.clock_resolution_ns
    return plan_calls(call_ns, resolution_ns=resolution, pair_seconds=pair_seconds)


def call_time(bound: Bound, *, deadline: float) -> float:
    """Nanoseconds of one call, roughly: few calls if they are slow, enough for the clock if they are fast.

    The fastest of a few samples: one that was interrupted would make for too few bursts. `deadline`: of a sample.
    """
    process, calls = bound.process, 1
    while True:
        samples = process.time(bound, samples=4, calls_per_sample=calls, deadline=4 * deadline)
        sample = float(np.min(samples))
        if sample >= _SCOUT_NS or calls >= 1 << 20:
            return max(sample / calls, 1.0)
        calls = min(1 << 20, ceil(calls * min(64.0, 1.5 * _SCOUT_NS / max(sample, 1.0))))


def measure_pair(contest: Contest, plan: CallPlan, rng: np.random.Generator) -> LaunchPair:
    """Measure one launch pair; other boards on the host are paused meanwhile.

    Raises what the candidate's code ends in, BaselineUnusable if it was the baseline's, and InfraError.
    """
    device = contest.candidate.device
    launched, first = _toss(rng), _toss(rng)
    with ExitStack() as stack:
        stack.enter_context(device.quiet())
        device.steady()
        before = device.conditions()
        device.watch(contest.cores)
        bounds = {side: start(contest, side, stack) for side in (launched, launched.other)}
        warmups = {side: _warm_up(side, bounds[side], plan) for side in (first, first.other)}
        try:
            measured = device.session.duet(bounds[Side.CANDIDATE], bounds[Side.BASELINE], plan.duet(SIDES.index(first)))
        except ProductError as error:
            if _fails(bounds[Side.BASELINE]) and not _fails(bounds[Side.CANDIDATE]):
                raise BaselineUnusable(error) from error
            raise
        during = device.watched()
        after = device.conditions()
    return LaunchPair(first, dict(zip(SIDES, measured, strict=True)), warmups, before, after, during=during)


def _toss(rng: np.random.Generator) -> Side:
    return SIDES[int(rng.integers(2))]


def _warm_up(side: Side, bound: Bound, plan: CallPlan) -> Samples:
    with baseline_excused(side):
        return bound.process.time(
            bound, samples=plan.warmup_samples, calls_per_sample=plan.calls_per_sample, deadline=plan.deadline
        )


def _fails(bound: Bound) -> bool:
    """Whether the bound call, or its process, has come to grief."""
    try:
        bound.process.run(bound)
    except ProductError:
        return True
    return False
