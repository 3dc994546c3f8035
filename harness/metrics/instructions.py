"""Compares two builds on a board whose clock counts instructions: one pair decides, exactly.

Under `-icount shift=1` every instruction takes 2 ns of the board's time, so a time says how many were executed,
whatever the host is doing. What remains is the kernel's timer tick (a few microseconds, now and then) and a start-up
transient: the medians of a dozen batches past warm-up are compared as they are. So that as many ticks fall into one
batch as into another, a batch is either short against the time between ticks (most then have none), or close to a
multiple of it, or so long that one tick more or less drowns: then five batches tell as much as a dozen, in seconds
that an emulator takes for each.
"""

from contextlib import ExitStack
from dataclasses import replace
from math import ceil

import numpy as np

from ontarget.harness.metrics.comparison import Comparison, effect_in_words
from ontarget.harness.metrics.pairs import (
    SIDES,
    Contest,
    LaunchPair,
    Samples,
    Side,
    baseline_excused,
    call_time,
    start,
)
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.metrics.reference import Level
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics.bursts import BurstStatistic
from ontarget.harness.statistics.estimate import quantiles

CHECK = "instructions"
NS_PER_INSTRUCTION = 2.0
TOLERANCE = 0.001
BATCHES, LONG_BATCHES = 12, 5
WARMUP_CALLS, LONG_WARMUP_CALLS = 4, 2  # what the start-up transient takes, page faults and lazy binding
SHORT_BATCH_NS = 4e5
TICKLESS_NS = 8e5
LONG_BATCH_NS = 2e7
TICK_NS = 4e6  # Debian's arm64 kernels tick 250 times a second, for 6.5 us each time
NEAR_TICKS = 0.25


def plan_batches(call_ns: float) -> CallPlan:
    """As many calls of about `call_ns` in a batch as make the ticks in a batch alike."""
    calls, batches, warmup_calls = max(1, int(SHORT_BATCH_NS / call_ns)), BATCHES, WARMUP_CALLS
    if call_ns >= LONG_BATCH_NS:
        batches, warmup_calls = LONG_BATCHES, LONG_WARMUP_CALLS
    elif call_ns > TICKLESS_NS:
        most = ceil(LONG_BATCH_NS / call_ns)
        calls = next((n for n in range(1, most) if near_ticks(n * call_ns)), most)
    warmup = ceil(warmup_calls / calls)
    deadline = 10.0 + 100 * (batches + warmup) * calls * call_ns / 1e9
    return CallPlan(1, batches, calls, 0, warmup, deadline)


def near_ticks(batch_ns: float) -> bool:
    """Whether a batch is about a multiple of the time between ticks: at least three in four then hold equally many.

    Measured over 14 processes of one build: medians differ by up to 0.036 % at one tick, by 0.001 % from two on.
    """
    ticks = batch_ns / TICK_NS
    return ticks > 1 - NEAR_TICKS and abs(ticks - round(ticks)) <= NEAR_TICKS


def judge(candidate: Samples, baseline: Samples) -> tuple[Answer, float]:
    """The answer and the effect (ratio - 1) of two sides' batches [any shape], all of equally many calls."""
    effect = float(np.median(candidate) / np.median(baseline)) - 1
    if abs(effect) <= TOLERANCE:
        return Answer.PASS, effect
    return (Answer.REGRESSED if effect > 0 else Answer.IMPROVED), effect


def compare(contest: Contest) -> Comparison:
    """Count the instructions of `contest.call` in both builds, in a process of each.

    Raises what the candidate's code ends in, BaselineUnusable if it was the baseline's, and InfraError.
    """
    device = contest.candidate.device
    before = device.conditions()
    # The candidate runs first: what it does wrong is seen even if the baseline does it, too.
    plan, candidate = _count(contest, Side.CANDIDATE, None)
    plan, baseline = _count(contest, Side.BASELINE, plan)
    sides = {Side.CANDIDATE: candidate, Side.BASELINE: baseline}
    pair = LaunchPair(
        first=Side.CANDIDATE,
        samples={side: batches[plan.warmup_samples :].reshape(1, -1) for side, batches in sides.items()},
        warmups={side: batches[: plan.warmup_samples] for side, batches in sides.items()},
        before=before,
        after=device.conditions(),
    )
    answer, effect = judge(pair.samples[Side.CANDIDATE], pair.samples[Side.BASELINE])
    verdict = Verdict(answer, effect, (effect, effect), 1)
    per_call = 1 / (NS_PER_INSTRUCTION * plan.calls_per_sample)
    counts = {side: quantiles(pair.samples[side] * per_call) for side in SIDES}
    figures = " against ".join(f"{counts[side].p50:,.0f}" for side in SIDES)
    return Comparison(
        check=CHECK,
        verdict=verdict,
        message=f"{effect_in_words(verdict, more='more instructions', less='fewer instructions')}: {figures}",
        unit="instructions",
        per_call=per_call,
        pairs=(pair,),
        statistic=BurstStatistic.MEDIAN,
        plan=plan,
        cores=contest.cores,
        quantiles=counts,
    )


def count(contest: Contest, found: Comparison) -> Comparison:
    """A comparison that had no baseline, with what the candidate takes by itself: for the test's history.

    Raises what the candidate's code ends in, and InfraError.
    """
    plan, batches = _count(contest, Side.CANDIDATE, None)
    counts = quantiles(batches[plan.warmup_samples :] / (NS_PER_INSTRUCTION * plan.calls_per_sample))
    return replace(
        found,
        unit="instructions",
        per_call=1 / (NS_PER_INSTRUCTION * plan.calls_per_sample),
        plan=plan,
        quantiles={Side.CANDIDATE: counts},
        level=Level(ratios=(), seconds=counts.p50, reference=""),
    )


def _count(contest: Contest, side: Side, plan: CallPlan | None) -> tuple[CallPlan, Samples]:
    """The side's batches in nanoseconds [warm-up ones first], and the plan that they were made by."""
    with ExitStack() as stack:
        bound = start(contest, side, stack)
        with baseline_excused(side):
            plan = plan or plan_batches(call_time(bound, deadline=contest.call_deadline))
            batches = bound.process.time(
                bound,
                samples=plan.warmup_samples + plan.samples_per_burst,
                calls_per_sample=plan.calls_per_sample,
                deadline=plan.deadline,
            )
    return plan, batches
