"""Compares two builds of a program: fresh processes of both in random order, until the rule has an answer.

One launch pair is a run of each program; each case's d is the log of the ratio of its medians over the repetitions.
Programs that always run all their cases are measured once for all of them: the cases share the pairs. On a board whose
clock counts instructions a program's own times are counts, too, and a few pairs decide (`CountedRule`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor, log10
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.conditions import Conditions
from ontarget.harness.device import Clock, Device
from ontarget.harness.errors import NotOffered, OntargetError
from ontarget.harness.metrics import instructions, latency
from ontarget.harness.metrics.comparison import BuildFacts, Comparison, judged, not_compared, percent
from ontarget.harness.metrics.evidence import Evidence, gather
from ontarget.harness.metrics.latency import Plan
from ontarget.harness.metrics.pairs import SIDES, BaselineUnusable, LaunchPair, Side, baseline_excused
from ontarget.harness.metrics.questions import Question, slower
from ontarget.harness.metrics.selftest import resolution
from ontarget.harness.metrics.words import latency_message
from ontarget.harness.outcomes import Answer
from ontarget.harness.programs.cases import Suite, runner_of, sound
from ontarget.harness.programs.results import CaseResult
from ontarget.harness.programs.running import Program
from ontarget.harness.statistics.estimate import quantiles

COUNTED_PAIRS: Final = 5
# A program chooses its number of turns and is interrupted by ticks: the same one differs by up to 0.2 % from itself.
COUNTED_TOLERANCE: Final = 0.005
_FEWEST_TO_TELL: Final = 5
_DIGITS: Final = 8  # of a sample, which is kept as a whole number


class CountedRule:
    """On a clock that counts instructions: slower if each of a few pairs says so, by more than the clock spreads."""

    budget = COUNTED_PAIRS

    def look(self, differences: NDArray[Any], *, last: bool = False) -> Answer | None:  # noqa: ARG002 - the protocol's
        d = np.asarray(differences, dtype=np.float64)
        if d.size < self.budget:
            return None
        if (d > COUNTED_TOLERANCE).all():
            return Answer.REGRESSED
        if (d < -COUNTED_TOLERANCE).all():
            return Answer.IMPROVED
        return Answer.PASS if abs(float(np.median(d))) <= COUNTED_TOLERANCE else Answer.INCONCLUSIVE

    def e_value(self, differences: NDArray[Any]) -> float | None:  # noqa: ARG002 - the protocol's
        return None


@dataclass(frozen=True)
class Run:
    """One launch pair of both programs: what became of each case, by side."""

    first: Side
    found: Mapping[Side, Mapping[str, CaseResult | OntargetError]]
    before: Conditions
    after: Conditions


@dataclass
class Contest:
    """Two builds of a program on one device and the pairs that were run, for all `names` that they run together.

    `baseline` None: the candidate against itself.
    """

    candidate: Program
    baseline: Program | None
    suite: Suite
    names: Sequence[str]
    rng: np.random.Generator
    cores: tuple[int, ...] = ()
    runs: list[Run] = field(default_factory=list)

    @property
    def device(self) -> Device:
        return self.candidate.device

    def run(self, index: int) -> Run:
        """The pair of that number, run if it was not yet: the cases of one contest look at the same pairs."""
        while len(self.runs) <= index:
            self.runs.append(self._run())
        return self.runs[index]

    def _run(self) -> Run:
        device = self.device
        sides = {Side.CANDIDATE: self.candidate, Side.BASELINE: self.baseline or self.candidate}
        first = SIDES[int(self.rng.integers(2))]
        with device.quiet():
            device.steady()
            before = device.conditions()
            found = {
                side: self.suite.run(runner_of(sides[side], self.cores), self.names, device.info.name)
                for side in (first, first.other)
            }
            return Run(first, found, before, device.conditions())


def compare(
    contest: Contest,
    case: str,
    *,
    plan: Plan,
    history: NDArray[np.float64] | None = None,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    told: Callable[[Evidence], None] = lambda _: None,
) -> Comparison:
    """Compare one case; `plan`, `history` and `told` as in `harness.metrics.latency.compare`.

    Without a baseline, with an unusable one, or with builds of unlike toolchains, the answer is inconclusive and says
    why; the candidate has run all the same. Raises UntimedDevice, and what the candidate's case ends in: CaseFailed,
    Crashed, Exited, TimedOut, NotOffered, InfraError.
    """
    device = contest.device
    device.require_timing()
    counted = device.info.clock is Clock.INSTRUCTIONS
    check = instructions.CHECK if counted else latency.CHECK
    builds = {Side.CANDIDATE: contest.candidate} | ({Side.BASELINE: contest.baseline} if contest.baseline else {})
    facts = {side: BuildFacts(program.digest, program.build.toolchain) for side, program in builds.items() if program}
    first = contest.run(0)
    _result(first, Side.CANDIDATE, case, device)
    reason = _not_comparable(contest, first, case)
    if reason is not None:
        return replace(not_compared(check, reason), builds=facts, cores=contest.cores)
    scale, unit = _scale(first, case)
    per_call = scale
    if counted and unit == "s":
        per_call, unit = scale * 1e9 / instructions.NS_PER_INSTRUCTION, "instructions"
    index = iter(range(len(contest.runs) + plan.pairs * 100))

    def next_pair() -> LaunchPair:
        return _pair(contest.run(next(index)), case, scale, device)

    if counted:
        first_rule, second_rule = CountedRule(), CountedRule()
        question = Question(check, slower, first_rule, second_rule)
    else:
        question, _ = plan.questions(history)
    try:
        evidence = gather(next_pair, question, seconds=plan.seconds, clock=clock, pause=pause, told=told)
    except BaselineUnusable as error:
        unusable = not_compared(check, f"no usable baseline: {error}")
        return replace(unusable, builds=facts, cores=contest.cores)
    d = evidence.differences()
    verdict = judged(
        evidence.answer,
        d,
        question.first.e_value(d)
        if evidence.main.suspects is None and d.size
        else evidence.main.e_value(evidence.sound, evidence.statistic),
        confirmed=evidence.main.confirmed,
        smallest_effect=plan.smallest_effect,
    )
    name = device.info.name
    target = COUNTED_TOLERANCE if counted else plan.target
    message = latency_message(name, target, question.first.budget, plan.seconds, evidence)
    if not counted:
        message += resolved(d, plan)
    times = {
        side: quantiles(np.concatenate([pair.samples[side].reshape(-1) for pair in evidence.sound]) * per_call)
        for side in (SIDES if evidence.sound else ())
    }
    return Comparison(
        check=check,
        verdict=verdict,
        message=message,
        unit=unit,
        per_call=per_call,
        pairs=tuple(evidence.pairs),
        confirming=len(evidence.sound) - evidence.suspects,
        statistic=evidence.chosen,
        cores=contest.cores,
        threads=plan.threads,
        backend=plan.backend,
        builds=facts,
        quantiles=times,
    )


def resolved(differences: NDArray[np.float64], plan: Plan) -> str:
    """How small a slow-down pairs that scatter as these do would show, in words."""
    if differences.size < _FEWEST_TO_TELL:
        return ""
    smallest = resolution(differences, plan.pairs, smallest_effect=plan.smallest_effect)
    if smallest is None:
        return f"; such pairs resolve no slow-down within {plan.pairs}"
    return f"; such pairs resolve {percent(smallest)} within {plan.pairs}"


def _not_comparable(contest: Contest, first: Run, case: str) -> str | None:
    if contest.baseline is None:
        return "no baseline"
    try:
        _result(first, Side.BASELINE, case, contest.device)
    except BaselineUnusable as error:
        return f"no usable baseline: {error}"
    return latency.unlike(contest.candidate.build, contest.baseline.build)


def _result(run: Run, side: Side, case: str, device: Device) -> CaseResult:
    """The values of a case. Raises what it ended in, BaselineUnusable if that was the baseline's doing."""
    name = device.info.name
    with baseline_excused(side):
        found = run.found[side].get(case)
        if found is None:
            raise NotOffered(f"the {side} has no case {case}", device=name)
        result = sound(found, name)
        if not result.values:
            raise NotOffered(f"the {side} gives no value for {case}", device=name)
        return result


def _scale(run: Run, case: str) -> tuple[float, str]:
    """What one unit of a sample stands for, so that the values keep their digits as whole numbers; and its unit."""
    results = [found for side in SIDES if isinstance(found := run.found[side].get(case), CaseResult)]
    smallest = min(value for result in results for value in result.values)
    return 10.0 ** (floor(log10(smallest)) + 1 - _DIGITS), results[0].unit


def _pair(run: Run, case: str, scale: float, device: Device) -> LaunchPair:
    samples = {
        side: np.rint(np.array([_result(run, side, case, device).values]) / scale).astype(np.int64) for side in SIDES
    }
    nothing = np.empty(0, np.int64)
    return LaunchPair(run.first, samples, dict.fromkeys(SIDES, nothing), run.before, run.after)
