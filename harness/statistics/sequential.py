"""Judging launch pairs one by one: a rule that stops as soon as its evidence is enough, and entry points around it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, log1p
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.eprocess import e_process
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.harness.statistics.rules import ALPHA, CONFIRM_ALPHA, PASS_ALPHA, SMALLEST_EFFECT, TARGET

FloatArray = NDArray[np.float64]

BUDGET = 60


@dataclass(frozen=True, eq=False)
class EProcessRule:
    """Two e-processes, three answers; the first boundary reached decides, and it may be looked at after every pair.

    regressed: "no slow-down" is rejected at `alpha`; improved: its mirror; pass: "a slow-down of at least `target`" is
    rejected at `pass_alpha`. The first two see raw d, never shifted. What is smaller than `smallest_effect` (a ratio
    - 1) is neither: the robust interval must lie beyond it, too. `history` are A/A differences of this device and test.
    """

    budget: int
    history: FloatArray | None
    target: float
    smallest_effect: float
    alpha: float
    pass_alpha: float

    def look(self, differences: NDArray[Any]) -> Answer | None:
        """Judge the raw differences log(candidate/baseline) [pairs], in measuring order; None asks for more pairs."""
        d = np.asarray(differences, dtype=np.float64)
        if d.size == 0:
            return None
        if self._crossed(d, self.alpha) and self._matters(d):
            return Answer.REGRESSED
        if self._crossed(-d, self.alpha) and self._matters(-d):
            return Answer.IMPROVED
        return Answer.PASS if self._crossed(log1p(self.target) - d, self.pass_alpha) else None

    def e_value(self, differences: NDArray[Any]) -> float:
        """The present evidence against "no slow-down" (1 where there is none yet)."""
        d = np.asarray(differences, dtype=np.float64)
        return float(e_process(d, self.history)[-1]) if d.size else 1.0

    def _crossed(self, d: FloatArray, alpha: float) -> bool:
        return bool(np.max(e_process(d, self.history)) >= 1 / alpha)

    def _matters(self, d: FloatArray) -> bool:
        return self.smallest_effect == 0 or hodges_lehmann(d).above(log1p(self.smallest_effect))


def eprocess_rule(
    *,
    history: ArrayLike | None = None,
    target: float = TARGET,
    smallest_effect: float = SMALLEST_EFFECT,
    budget: int = BUDGET,
    alpha: float = ALPHA,
    pass_alpha: float = PASS_ALPHA,
) -> EProcessRule:
    """The rule for a first answer. Raises ValueError for what can't be meant."""
    if budget < 1:
        raise ValueError(f"expected a budget of at least one launch pair, found {budget}")
    if not target > 0:
        raise ValueError(f"expected a target slow-down above 0 (0.02 is 2 %), found {target}")
    if not smallest_effect >= 0:
        raise ValueError(f"expected a smallest effect of at least 0 (0.005 is 0.5 %), found {smallest_effect}")
    for name, share in (("alpha", alpha), ("pass_alpha", pass_alpha)):
        if not 0 < share < 1:
            raise ValueError(f"expected {name} between 0 and 1, found {share}")
    known = None if history is None else _finite(history, "history")
    return EProcessRule(budget, known, target, smallest_effect, alpha, pass_alpha)


def confirmation_rule(
    *,
    history: ArrayLike | None = None,
    target: float = TARGET,
    smallest_effect: float = SMALLEST_EFFECT,
    budget: int = BUDGET,
    alpha: float = CONFIRM_ALPHA,
    pass_alpha: float = PASS_ALPHA,
) -> EProcessRule:
    """The rule for fresh pairs that are to confirm a regressed answer."""
    return eprocess_rule(
        history=history,
        target=target,
        smallest_effect=smallest_effect,
        budget=budget,
        alpha=alpha,
        pass_alpha=pass_alpha,
    )


def verdict(baseline: ArrayLike, candidate: ArrayLike) -> bool:
    """Whether the candidate regressed: True or False, from per-launch medians in measuring order.

    Element i of both [n >= 1] belongs to launch pair i; any unit, the same for both. Judged pair by pair as by
    `sequential`, up to 60 pairs. Raises ValueError for times that are not above 0 and finite, and unequal lengths.
    """
    base, cand = _times(baseline, "baseline"), _times(candidate, "candidate")
    if base.size != cand.size:
        raise ValueError(f"expected launch pairs, found {base.size} baseline and {cand.size} candidate times")
    pairs = iter(zip(base.tolist(), cand.tolist(), strict=True))
    answer, _ = _run(eprocess_rule(smallest_effect=0.0, budget=min(BUDGET, base.size)), lambda: next(pairs))
    return answer is Answer.REGRESSED


def sequential(next_pair: Callable[[], tuple[float, float]], history: ArrayLike | None = None) -> tuple[Answer, int]:
    """Ask for launch pairs until they are enough; returns the answer and how many pairs it took (at most 60).

    `next_pair` returns the times (baseline, candidate) of one more pair, in any unit; `history` are log ratios
    candidate/baseline of identical builds (A/A) [any number]. Raises ValueError for times that are not above 0 and
    finite.
    """
    return _run(eprocess_rule(history=history, smallest_effect=0.0), next_pair)


def _run(rule: EProcessRule, next_pair: Callable[[], tuple[float, float]]) -> tuple[Answer, int]:
    differences: list[float] = []
    while len(differences) < rule.budget:
        baseline, candidate = (float(_times([time], "pair")[0]) for time in next_pair())
        differences.append(log(candidate) - log(baseline))
        answer = rule.look(np.array(differences))
        if answer is not None:
            return answer, len(differences)
    return Answer.INCONCLUSIVE, len(differences)


def _times(values: ArrayLike, name: str) -> FloatArray:
    times = _finite(values, name)
    if times.size == 0:
        raise ValueError(f"expected at least one launch pair, found no {name} times")
    if not np.all(times > 0):
        raise ValueError(f"expected {name} times above 0, found {times[times <= 0][0]}")
    return times


def _finite(values: ArrayLike, name: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"expected {name} as an array of one dimension, found {array.ndim}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"expected finite numbers in {name}, found {array[~np.isfinite(array)][0]}")
    return array
