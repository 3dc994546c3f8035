"""Compares two builds by a metric: pairs of fresh processes, a coin for who goes first, the rules that latency has."""

from collections.abc import Callable
from dataclasses import replace
from math import floor, log10
from typing import Final

import numpy as np

from ontarget.harness.device import Clock, DeployedBuild
from ontarget.harness.metrics.comparison import Comparison, effect_in_words, judged, not_compared, percent
from ontarget.harness.metrics.evidence import Evidence, gather
from ontarget.harness.metrics.latency import Plan, contest_of, described, unfit, unlike
from ontarget.harness.metrics.metric import Metric, Reading, Unmeasured
from ontarget.harness.metrics.pairs import SIDES, BaselineUnusable, Call, Contest, LaunchPair, Prepare, Side
from ontarget.harness.metrics.questions import Question, slower
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics import confirmation_rule, eprocess_rule
from ontarget.harness.statistics.bursts import BurstStatistic
from ontarget.harness.statistics.estimate import quantiles

_DIGITS: Final = 9  # of a value, kept as a whole number
_FEWEST_TO_CONFIRM: Final = 10


def compare(
    metric: Metric,
    call: Call,
    candidate: DeployedBuild,
    baseline: DeployedBuild | None,
    *,
    plan: Plan,
    rng: np.random.Generator,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    prepare: Prepare | None = None,
) -> Comparison:
    """Compare the builds by `metric`, within the plan's pairs and seconds; other arguments as `latency.compare`.

    Where it cannot be measured, or there is no usable baseline, the answer is inconclusive, and the message says why
    and what the candidate has. Raises what the candidate's code ends in, InfraError.
    """
    contest = contest_of(call, candidate, baseline or candidate, plan, prepare)
    if metric.timed and candidate.device.info.clock is not Clock.TIME:
        clock_counts = candidate.device.info.clock
        return not_compared(metric.name, f"not measured: it takes time, and this device's clock counts {clock_counts}")
    try:
        if baseline is None:
            own = metric.measure(contest, Side.CANDIDATE)
            return not_compared(
                metric.name, f"no baseline; the candidate has {own.value:.6g} {metric.unit}{_note(own)}"
            )
        reason = unlike(candidate, baseline)
        if reason is not None:
            return described(not_compared(metric.name, reason), contest, plan)
        found = _exact(metric, contest) if metric.exact else _gathered(metric, contest, plan, rng, clock, pause)
    except BaselineUnusable as error:
        found = not_compared(metric.name, f"no usable baseline: {error}")
    except Unmeasured as error:
        found = not_compared(metric.name, f"not measured: {error}")
    return described(found, contest, plan)


def _exact(metric: Metric, contest: Contest) -> Comparison:
    values = {side: metric.measure(contest, side).value for side in SIDES}
    effect = values[Side.CANDIDATE] / values[Side.BASELINE] - 1
    answer = Answer.PASS
    if abs(effect) > metric.target:
        answer = Answer.REGRESSED if effect > 0 else Answer.IMPROVED
    verdict = Verdict(answer, effect, (effect, effect), 1, smallest_effect=metric.smallest_effect)
    figures = " against ".join(f"{values[side]:,.0f}" for side in SIDES)
    return Comparison(
        metric.name,
        verdict,
        f"{effect_in_words(verdict, more=metric.more, less=metric.less)}: {figures} {metric.unit}",
        unit=metric.unit,
        quantiles={side: quantiles(np.array([values[side]])) for side in SIDES},
    )


def _gathered(
    metric: Metric,
    contest: Contest,
    plan: Plan,
    rng: np.random.Generator,
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> Comparison:
    device = contest.candidate.device
    if metric.timed:
        lacks = device.get_ready(clock=clock, pause=pause)
        if any(lack.bars for lack in lacks):
            return replace(unfit(device, lacks), check=metric.name)
    scale: list[float] = []
    notes: dict[Side, str] = {}

    def next_pair() -> LaunchPair:
        first = SIDES[int(rng.integers(2))]
        with device.quiet():
            if metric.timed:
                device.steady()
            before = device.conditions()
            readings = {side: metric.measure(contest, side) for side in (first, first.other)}
            after = device.conditions()
        notes.update({side: reading.note for side, reading in readings.items()})
        smallest = min(reading.value for reading in readings.values())
        if not scale:
            scale.append(10.0 ** (floor(log10(smallest)) + 1 - _DIGITS) if smallest > 0 else 1.0)
        samples = {side: np.array([[round(readings[side].value / scale[0])]], np.int64) for side in SIDES}
        return LaunchPair(first, samples, dict.fromkeys(SIDES, np.empty(0, np.int64)), before, after)

    evidence = gather(next_pair, _question(metric, plan), seconds=plan.seconds, clock=clock, pause=pause)
    verdict = judged(
        evidence.answer,
        evidence.differences(),
        evidence.main.e_value(evidence.sound, evidence.statistic),
        confirmed=evidence.main.confirmed,
        smallest_effect=metric.smallest_effect,
    )
    values = {
        side: np.array([pair.samples[side][0, 0] for pair in evidence.sound]) * scale[0]
        for side in (SIDES if evidence.sound else ())
    }
    told = "; ".join(f"{side}: {notes[side]}" for side in SIDES if notes.get(side))
    return Comparison(
        metric.name,
        verdict,
        _message(metric, verdict, evidence, device.info.name) + (f"; {told}" if told else ""),
        unit=metric.unit,
        per_call=scale[0],
        pairs=tuple(evidence.pairs),
        confirming=len(evidence.sound) - evidence.suspects,
        statistic=BurstStatistic.MEDIAN,
        quantiles={side: quantiles(found) for side, found in values.items()},
    )


def _question(metric: Metric, plan: Plan) -> Question:
    gate = {"target": metric.target, "smallest_effect": metric.smallest_effect}
    first = eprocess_rule(history=None, budget=plan.pairs, **gate)
    second = confirmation_rule(history=None, budget=max(_FEWEST_TO_CONFIRM, plan.pairs * 2 // 3), **gate)
    return Question(metric.name, slower, first, second)


def _message(metric: Metric, verdict: Verdict, evidence: Evidence, device: str) -> str:
    effect = effect_in_words(verdict, more=metric.more, less=metric.less)
    flaws = [pair.flaw for pair in evidence.pairs if pair.flaw is not None]
    match verdict.answer:
        case Answer.INVALID:
            return f"conditions on {device} broke in {len(flaws)} of {len(evidence.pairs)} pairs, last: {flaws[-1]}"
        case Answer.PASS:
            return f"not {metric.more} by {percent(metric.target)}: {effect}"
        case Answer.INCONCLUSIVE:
            return f"cannot tell {percent(metric.target)} {metric.more} in its pairs and time: {effect}"
    return effect


def _note(reading: Reading) -> str:
    return f" ({reading.note})" if reading.note else ""
