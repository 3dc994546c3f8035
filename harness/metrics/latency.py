"""Compares the latency of two builds on one device: launch pairs until a rule has an answer, suspects confirmed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ontarget.harness.device import Clock, DeployedBuild
from ontarget.harness.metrics import instructions
from ontarget.harness.metrics.comparison import Comparison, effect_in_words, judged, not_compared, percent
from ontarget.harness.metrics.cores import timing_cores
from ontarget.harness.metrics.evidence import Evidence, gather
from ontarget.harness.metrics.pairs import SIDES, BaselineUnusable, Call, Contest, Prepare, measure_pair, scout
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics.estimate import quantiles
from ontarget.harness.statistics.rules import SMALLEST_EFFECT, TARGET, Rule, confirmation_rule, signed_rank_rule

CHECK = "latency"


@dataclass(frozen=True)
class Plan:
    """What is asked of one comparison, and what it may cost.

    `target` is the slow-down that must be found, `smallest_effect` what is too small to matter (ratios - 1). `pairs`
    are the budget of the first answer, two thirds of them that of its confirmation, `seconds` that of each;
    `pair_seconds` is what a pair's timing takes where calls are fast. `cores` and `environment` are those of the
    processes: None for one core that both share, which is right for kernels of one thread, () for no pinning.
    `call_deadline` (seconds) is for one call.
    """

    target: float = TARGET
    smallest_effect: float = SMALLEST_EFFECT
    pairs: int = 30
    seconds: float = 60.0
    pair_seconds: float = 0.07
    cores: tuple[int, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    call_deadline: float = 10.0

    def rules(self) -> tuple[Rule, Rule]:
        """The rule for a first answer, and the one for fresh pairs that confirm a suspect."""
        gates = {"target": self.target, "smallest_effect": self.smallest_effect}
        return (
            signed_rank_rule(budget=self.pairs, **gates),
            confirmation_rule(budget=max(8, self.pairs * 2 // 3), **gates),
        )


def compare(
    call: Call,
    candidate: DeployedBuild,
    baseline: DeployedBuild | None,
    *,
    plan: Plan | None = None,
    rng: np.random.Generator,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    prepare: Prepare | None = None,
) -> Comparison:
    """Compare `call` in the two builds, which are on the same device.

    `call` binds what is measured in a fresh process, after `prepare` if given. On a device whose clock counts
    instructions the exact rule judges, and the check is "instructions". Without a usable baseline, or with builds of
    unlike toolchains, the answer is inconclusive, and the message says why.
    Raises UntimedDevice, what the candidate's code ends in (ProductError, NotOffered, MissingSymbol), InfraError.
    """
    plan = plan or Plan()
    info = candidate.device.info
    candidate.device.require_timing()
    check = instructions.CHECK if info.clock is Clock.INSTRUCTIONS else CHECK
    if baseline is None:
        return not_compared(check, "no baseline")
    reason = unlike(candidate, baseline)
    if reason is not None:
        return not_compared(check, reason)
    cores = timing_cores(candidate.device) if plan.cores is None else plan.cores
    contest = Contest(candidate, baseline, call, prepare, cores, plan.environment, plan.call_deadline)
    try:
        if info.clock is Clock.INSTRUCTIONS:
            return instructions.compare(contest)
        calls = scout(contest, pair_seconds=plan.pair_seconds)
        first, second = plan.rules()
        evidence = gather(
            lambda: measure_pair(contest, calls, rng), first, second, seconds=plan.seconds, clock=clock, pause=pause
        )
    except BaselineUnusable as error:
        return not_compared(check, f"no usable baseline: {error}")
    return _finish(contest, plan, calls, evidence, first)


def unlike(candidate: DeployedBuild, baseline: DeployedBuild) -> str | None:
    """Why the builds must not be compared, None if they may be. A toolchain that is not known is like any other."""
    ours, theirs = candidate.toolchain, baseline.toolchain
    if ours and theirs and ours != theirs:
        return f"not compared: unlike toolchains, candidate built by {ours}, baseline by {theirs}. Build both alike"
    return None


def _finish(contest: Contest, plan: Plan, calls: CallPlan, evidence: Evidence, rule: Rule) -> Comparison:
    differences = evidence.differences()
    verdict = judged(evidence.answer, differences, rule.e_value(differences[: evidence.suspects]))
    sound = evidence.sound
    per_call = 1e-9 / calls.calls_per_sample
    samples = (
        {side: np.concatenate([pair.samples[side] for pair in sound]) * per_call for side in SIDES} if sound else {}
    )
    return Comparison(
        check=CHECK,
        verdict=verdict,
        message=_message(contest.candidate.device.info.name, plan, evidence, verdict),
        unit="s",
        per_call=per_call,
        pairs=tuple(evidence.pairs),
        confirming=len(sound) - evidence.suspects,
        statistic=evidence.statistic,
        plan=calls,
        cores=contest.cores,
        quantiles={side: quantiles(values) for side, values in samples.items()},
    )


def _message(device: str, plan: Plan, evidence: Evidence, verdict: Verdict) -> str:
    effect, target = effect_in_words(verdict), percent(plan.target)
    fresh = len(evidence.sound) - evidence.suspects
    flaws = [pair.flaw for pair in evidence.pairs if pair.flaw is not None]
    again = f"; {len(flaws)} more measured again ({flaws[-1]})" if flaws else ""
    match verdict.answer:
        case Answer.REGRESSED:
            return f"{effect}, {fresh} of them fresh to confirm it{again}"
        case Answer.IMPROVED:
            return f"{effect}{again}"
        case Answer.PASS:
            return f"not slower by {target}: {effect}{again}"
        case Answer.INVALID:
            return (
                f"conditions on {device} broke in {len(flaws)} of {len(evidence.pairs)} pairs, last: {flaws[-1]}. "
                "Let it cool, or look at what else it runs"
            )
    if evidence.first_answer is Answer.REGRESSED:
        return f"suspected, but not confirmed by {fresh} fresh pairs: {effect}{again}"
    budget = f"{plan.pairs} pairs and {plan.seconds:g} s"
    return f"cannot tell a slow-down of {target} within {budget}: {effect}{again}"
