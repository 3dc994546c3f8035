"""What comparing two builds leaves behind: the verdict, its words, and the evidence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import expm1
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.pairs import LaunchPair, Side
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.metrics.reference import Level
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics.bursts import BurstStatistic, burst_values
from ontarget.harness.statistics.estimate import Quantiles, hodges_lehmann

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BuildFacts:
    """One side's build: the digest of its files, and what compiled it, "" where it does not say."""

    digest: str
    toolchain: str


@dataclass(frozen=True)
class Finding:
    """What the same pairs say of another metric than the comparison's own: a spread, a tail, throttling.

    `differences` are the log ratios candidate/baseline that it rests on [pairs], in measuring order.
    """

    check: str
    verdict: Verdict
    message: str
    differences: tuple[float, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A verdict with its evidence.

    `check` is the metric, "latency" or "instructions"; one call's value is a sample in nanoseconds times `per_call`,
    in `unit` ("s" or "instructions"). `pairs` are all that were measured, in order, those with a flaw included;
    `confirming` says how many of the sound ones at the end were fresh pairs to confirm a suspect. `cores` are those
    that both sides were pinned to, `threads` how many each was to use, `backend` what computed. `quantiles` are of one
    call, as means of the calls of a sample. `findings` are what else the pairs say; `level` is the candidate's time
    in turns of the reference kernel, None where that was not measured.
    """

    check: str
    verdict: Verdict
    message: str
    unit: str = "s"
    per_call: float = 1.0
    pairs: tuple[LaunchPair, ...] = ()
    confirming: int = 0
    statistic: BurstStatistic | None = None
    plan: CallPlan | None = None
    cores: tuple[int, ...] = ()
    threads: int = 1
    backend: str = "cpu"
    builds: Mapping[Side, BuildFacts] = field(default_factory=dict)
    quantiles: Mapping[Side, Quantiles] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    level: Level | None = None

    @property
    def told_findings(self) -> tuple[Finding, ...]:
        """The findings that are checks of their own: regressed, or suspected and not cleared up, while the median
        stands."""
        if self.verdict.answer is Answer.REGRESSED:
            return ()
        return tuple(
            found
            for found in self.findings
            if found.verdict.answer is Answer.REGRESSED or found.verdict.confirmed is False
        )

    @property
    def sound_pairs(self) -> tuple[LaunchPair, ...]:
        return tuple(pair for pair in self.pairs if pair.flaw is None)

    def differences(self) -> FloatArray:
        """d = log(candidate/baseline) of the sound pairs [pairs], in measuring order."""
        statistic = self.statistic or BurstStatistic.MEDIAN
        return np.array([pair.difference(statistic) for pair in self.sound_pairs])

    def values(self, side: Side) -> FloatArray:
        """The value of one call for each burst of the sound pairs [pairs * bursts], in `unit`; of one burst, all."""
        statistic = self.statistic or BurstStatistic.MEDIAN
        bursts = [
            burst_values(samples, statistic) if len(samples) > 1 else samples[0]
            for samples in (pair.samples[side] for pair in self.sound_pairs)
        ]
        return np.concatenate(bursts) * self.per_call if bursts else np.empty(0)

    def to_json(self) -> dict[str, Any]:
        """Everything, raw samples and warm-ups too (nanoseconds per sample), for a file beside the test's report."""
        return {
            "check": self.check,
            "message": self.message,
            "verdict": asdict(self.verdict),
            "unit": self.unit,
            "per_call": self.per_call,
            "statistic": self.statistic,
            "plan": asdict(self.plan) if self.plan is not None else None,
            "cores": list(self.cores),
            "threads": self.threads,
            "backend": self.backend,
            "builds": {side: asdict(facts) for side, facts in self.builds.items()},
            "quantiles": {side: asdict(found) for side, found in self.quantiles.items()},
            "findings": [asdict(finding) for finding in self.findings],
            "level": self.level.to_json() if self.level is not None else None,
            "confirming": self.confirming,
            "differences": self.differences().tolist(),
            "pairs": [pair.to_json() for pair in self.pairs],
        }


def not_compared(check: str, reason: str) -> Comparison:
    """An inconclusive comparison for which nothing was measured."""
    return Comparison(check, Verdict(Answer.INCONCLUSIVE, None, (None, None), 0), reason)


def judged(
    answer: Answer,
    differences: FloatArray,
    e_value: float | None = None,
    *,
    confirmed: bool | None = None,
    smallest_effect: float | None = None,
) -> Verdict:
    """The verdict with its robust estimate; `differences` [pairs >= 0] are logs, the verdict's figures ratios - 1."""
    effect: float | None = None
    interval: tuple[float | None, float | None] = (None, None)
    if differences.size:
        estimate = hodges_lehmann(differences)
        low, high = (None if end is None else expm1(end) for end in (estimate.low, estimate.high))
        effect, interval = expm1(estimate.centre), (low, high)
    return Verdict(answer, effect, interval, differences.size, e_value, confirmed, smallest_effect)


def effect_in_words(verdict: Verdict, *, more: str = "slower", less: str = "faster") -> str:
    """ "3.1 % slower (2.8 to 3.4 %), 14 pairs"; an interval around 0 names both directions."""
    pairs = f"{verdict.pairs} pair" + ("" if verdict.pairs == 1 else "s")
    if verdict.effect is None:
        return pairs
    low, high = verdict.interval

    def directed(effect: float) -> str:
        size = percent(abs(effect))
        return size if size == percent(0) else f"{size} {less if effect < 0 else more}"

    if low is None or high is None or low == high:
        return f"{directed(verdict.effect)}, {pairs}"
    if low < 0 < high:
        interval = f"{directed(low)} to {directed(high)}"
    else:
        nearer, farther = sorted((abs(low), abs(high)))
        interval = f"{figures(nearer)} to {percent(farther)}"
    return f"{directed(verdict.effect)} ({interval}), {pairs}"


def percent(ratio: float) -> str:
    """0.031 as "3.1 %"."""
    return f"{figures(ratio)} %"


def figures(ratio: float) -> str:
    """A ratio in per cent, with as many digits as matter: two decimals below 1 %, one below 100 %."""
    value = 100 * ratio
    digits = 2 if abs(value) < 1 else 1 if abs(value) < 100 else 0
    text = f"{value:.{digits}f}"
    return text.replace("-0.00", "0.00") if float(text) == 0 else text
