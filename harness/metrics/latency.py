"""Compares the latency of two builds on one device: launch pairs until a rule has an answer, suspects confirmed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.device import CPU, Clock, DeployedBuild, Device
from ontarget.harness.metrics import instructions
from ontarget.harness.metrics.comparison import BuildFacts, Comparison, Finding, judged, not_compared
from ontarget.harness.metrics.cores import timing_cores
from ontarget.harness.metrics.evidence import Evidence, gather
from ontarget.harness.metrics.identity import Identity, identify
from ontarget.harness.metrics.pairs import SIDES, BaselineUnusable, Call, Contest, Prepare, Side, measure_pair, scout
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.metrics.questions import LATENCY, SPREAD, TAIL, Question, longer_tailed, slower, wider
from ontarget.harness.metrics.reference import measure_level
from ontarget.harness.metrics.steadiness import throttled
from ontarget.harness.metrics.throttling import SPOILT, whose_throttling
from ontarget.harness.metrics.words import finding_message, latency_message
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics import confirmation_rule, eprocess_rule
from ontarget.harness.statistics.estimate import quantiles
from ontarget.harness.statistics.rules import SMALLEST_EFFECT, TARGET
from ontarget.harness.steadying.readiness import Lack

CHECK = LATENCY
PAIRS = 60
_FEWEST_TO_CONFIRM = 10  # at 1 %, 7 pairs of one sign at the largest bets
# How much more of the median p90 and p99 have to lie above it: (target, smallest effect), ratios - 1.
_SHAPES = {SPREAD: (0.1, 0.02), TAIL: (0.25, 0.05)}


@dataclass(frozen=True)
class Plan:
    """What is asked of one comparison, and what it may cost.

    `target` is the slow-down that must be found, `smallest_effect` what is too small to matter (ratios - 1). `pairs`
    are the budget of the first answer, two thirds of them that of its confirmation, `seconds` that of each;
    `pair_seconds` is what a pair's timing takes where calls are fast. `threads` are what the binding is to use.
    `cores` and `environment` are those of the processes: None for as many cores of the fastest cluster as threads,
    which both sides share, () for no pinning. `backend` is what computes. `call_deadline` (seconds) is for one call.
    `level_pairs` are measured against the reference kernel for the test's history, 0 for none; twice as many without a
    baseline.
    """

    target: float = TARGET
    smallest_effect: float = SMALLEST_EFFECT
    pairs: int = PAIRS
    seconds: float = 60.0
    pair_seconds: float = 0.07
    threads: int = 1
    cores: tuple[int, ...] | None = None
    backend: str = CPU
    environment: Mapping[str, str] = field(default_factory=dict)
    call_deadline: float = 10.0
    level_pairs: int = 0

    def questions(self, history: NDArray[np.float64] | None = None) -> tuple[Question, tuple[Question, ...]]:
        """What is asked of the pairs, the main question first; `history` are A/A log ratios of the device and test."""
        readings = {LATENCY: slower, SPREAD: wider, TAIL: longer_tailed}
        gates = {LATENCY: (self.target, self.smallest_effect), **_SHAPES}
        asked = [
            Question(
                check,
                reading,
                eprocess_rule(
                    history=history if check == LATENCY else None,
                    target=gates[check][0],
                    smallest_effect=gates[check][1],
                    budget=self.pairs,
                ),
                confirmation_rule(
                    history=history if check == LATENCY else None,
                    target=gates[check][0],
                    smallest_effect=gates[check][1],
                    budget=max(_FEWEST_TO_CONFIRM, self.pairs * 2 // 3),
                ),
            )
            for check, reading in readings.items()
        ]
        return asked[0], tuple(asked[1:])

    def cores_on(self, device: Device) -> tuple[int, ...]:
        """The cores that both sides are pinned to."""
        return timing_cores(device, self.threads) if self.cores is None else self.cores


def identity_of(device: Device, test: str, plan: Plan) -> Identity:
    """What a comparison of this test by this plan would be a result of: for the history that `compare` takes."""
    check = instructions.CHECK if device.info.clock is Clock.INSTRUCTIONS else CHECK
    cores = plan.cores_on(device)
    return identify(device, test=test, check=check, cores=cores, threads=plan.threads, backend=plan.backend)


def compare(
    call: Call,
    candidate: DeployedBuild,
    baseline: DeployedBuild | None,
    *,
    plan: Plan | None = None,
    history: NDArray[np.float64] | None = None,
    rng: np.random.Generator,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    prepare: Prepare | None = None,
    told: Callable[[Evidence], None] = lambda _: None,
) -> Comparison:
    """Compare `call` in the two builds, which are on the same device.

    `call` binds what is measured in a fresh process, after `prepare` if given. `history` are log ratios
    candidate/baseline of identical builds under the same identity [any number], from which the bets learn. On a device
    whose clock counts instructions the exact rule judges, and the check is "instructions". Without a usable baseline,
    or with builds of unlike toolchains, the answer is inconclusive, and the message says why; the candidate's `level`
    is measured all the same, if the plan asks for it. `told` hears of the evidence after each pair.
    Raises UntimedDevice, what the candidate's code ends in (ProductError, NotOffered, MissingSymbol), InfraError.
    """
    plan = plan or Plan()
    device = candidate.device
    device.require_timing()
    counted = device.info.clock is Clock.INSTRUCTIONS
    contest = contest_of(call, candidate, baseline or candidate, plan, prepare)
    reason = "no baseline" if baseline is None else unlike(candidate, baseline)
    if reason is None:
        try:
            if counted:
                return described(instructions.compare(contest), contest, plan)
            lacks = device.get_ready(clock=clock, pause=pause)
            if any(lack.bars for lack in lacks):
                return described(unfit(device, lacks), contest, plan)
            calls = scout(contest, pair_seconds=plan.pair_seconds)
            main, others = plan.questions(history)
            evidence = gather(
                lambda: measure_pair(contest, calls, rng),
                main,
                others,
                seconds=plan.seconds,
                clock=clock,
                pause=pause,
                told=told,
            )
        except BaselineUnusable as error:
            reason = f"no usable baseline: {error}"
        else:
            found = finished(contest, plan, calls, evidence)
            found = replace(
                found, message="; ".join([found.message, *(f"at its start {lack.reason}" for lack in lacks)])
            )
            if sum(throttled(pair.flaw) for pair in evidence.pairs) >= SPOILT:
                found = _with_throttling(found, contest, calls, rng, pause)
            return _with_level(found, contest, plan, rng, plan.level_pairs)
    found = described(not_compared(instructions.CHECK if counted else CHECK, reason), contest, plan)
    if baseline is None:
        found = replace(found, builds={Side.CANDIDATE: found.builds[Side.CANDIDATE]})
    if counted:
        return instructions.count(contest, found) if plan.level_pairs else found
    return _with_level(found, contest, plan, rng, 2 * plan.level_pairs)


def unfit(device: Device, lacks: Sequence[Lack]) -> Comparison:
    """An invalid comparison for which nothing was measured."""
    reasons = "; ".join(lack.reason for lack in lacks)
    return Comparison(
        CHECK, Verdict(Answer.INVALID, None, (None, None), 0), f"{device.info.name} is not fit: {reasons}"
    )


def contest_of(
    call: Call, candidate: DeployedBuild, baseline: DeployedBuild, plan: Plan, prepare: Prepare | None
) -> Contest:
    """The two builds, started as the plan says."""
    return Contest(
        candidate=candidate,
        baseline=baseline,
        call=call,
        prepare=prepare,
        cores=plan.cores_on(candidate.device),
        threads=plan.threads,
        environment=plan.environment,
        call_deadline=plan.call_deadline,
    )


def unlike(candidate: DeployedBuild, baseline: DeployedBuild) -> str | None:
    """Why the builds must not be compared, None if they may be. A toolchain that is not known is like any other."""
    ours, theirs = candidate.toolchain, baseline.toolchain
    if ours and theirs and ours != theirs:
        return f"not compared: unlike toolchains, candidate built by {ours}, baseline by {theirs}. Build both alike"
    return None


def _with_level(found: Comparison, contest: Contest, plan: Plan, rng: np.random.Generator, pairs: int) -> Comparison:
    if pairs == 0:
        return found
    known = found.quantiles.get(Side.CANDIDATE)
    level = measure_level(
        contest,
        rng,
        pairs=pairs,
        pair_seconds=plan.pair_seconds,
        call_seconds=None if known is None else known.p50,
    )
    return replace(found, level=level)


def _with_throttling(
    found: Comparison, contest: Contest, calls: CallPlan, rng: np.random.Generator, pause: Callable[[float], None]
) -> Comparison:
    """The comparison with the finding whose throttling it is that spoilt pairs."""
    times = np.concatenate([pair.samples[Side.CANDIDATE].reshape(-1) for pair in found.pairs])
    call_seconds = max(float(np.median(times)) * found.per_call, 1e-9)
    try:
        finding = whose_throttling(contest, calls, call_seconds, rng, pause)
    except BaselineUnusable:  # it ran in the pairs; what is known of them stands
        return found
    return replace(found, findings=(*found.findings, finding))


def described(found: Comparison, contest: Contest, plan: Plan) -> Comparison:
    """The comparison with what it is a result of."""
    builds = {side: BuildFacts(contest.build(side).digest, contest.build(side).toolchain) for side in SIDES}
    return replace(found, cores=contest.cores, threads=plan.threads, backend=plan.backend, builds=builds)


def finished(contest: Contest, plan: Plan, calls: CallPlan, evidence: Evidence) -> Comparison:
    """The comparison that a plan's evidence amounts to."""
    sound = evidence.sound
    verdict = judged(
        evidence.answer,
        evidence.differences(),
        evidence.main.e_value(sound, evidence.statistic),
        confirmed=evidence.main.confirmed,
        smallest_effect=plan.smallest_effect,
    )
    per_call = 1e-9 / calls.calls_per_sample
    samples = (
        {side: np.concatenate([pair.samples[side] for pair in sound]) * per_call for side in SIDES} if sound else {}
    )
    found = Comparison(
        check=CHECK,
        verdict=verdict,
        message=latency_message(contest.candidate.device.info.name, plan.target, plan.pairs, plan.seconds, evidence),
        unit="s",
        per_call=per_call,
        pairs=tuple(evidence.pairs),
        confirming=len(sound) - evidence.suspects,
        statistic=evidence.chosen,
        plan=calls,
        quantiles={side: quantiles(values) for side, values in samples.items()},
        findings=_findings(evidence),
    )
    return described(found, contest, plan)


def _findings(evidence: Evidence) -> tuple[Finding, ...]:
    """What the pairs say of the other questions; nothing where conditions broke, or there are no pairs."""
    if evidence.invalid or not evidence.sound:
        return ()
    findings = []
    for inquiry in evidence.others:
        check = inquiry.question.check
        differences = inquiry.readings(evidence.sound, evidence.statistic)
        verdict = judged(
            inquiry.answer or Answer.INCONCLUSIVE,
            differences,
            inquiry.e_value(evidence.sound, evidence.statistic),
            confirmed=inquiry.confirmed,
            smallest_effect=_SHAPES[check][1],
        )
        message = finding_message(check, verdict, len(differences) - (inquiry.suspects or 0))
        findings.append(Finding(check, verdict, message, tuple(differences.tolist())))
    return tuple(findings)
