"""Judging launch pairs one by one: a rule that stops as soon as its evidence is enough, and entry points around it."""

from collections.abc import Callable
from math import log, log1p
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.eprocess import EProcess
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.harness.statistics.rules import ALPHA, CONFIRM_ALPHA, PASS_ALPHA, SMALLEST_EFFECT, TARGET, Rule

FloatArray = NDArray[np.float64]

BUDGET = 60
# The e-value at which an answer is in sight, and worth a few pairs more.
IN_SIGHT = 4.0
# The share of the target from which a slow-down that passes would be a close call.
NEAR = 0.75


class EProcessRule:
    """Two e-processes, three answers: it may be looked at after every pair, and the first boundary reached decides.

    regressed: "no slow-down" is rejected at `alpha`; improved: its mirror; pass: "a slow-down of at least `target`" is
    rejected at `pass_alpha`. The first two see raw d, never shifted. What is smaller than `smallest_effect` is neither:
    the robust interval must lie beyond it, too. A pass needs fewer pairs than the other answers, so it waits for an
    improvement in sight, and for a slow-down in sight that is nearly the target's. Effects are ratios - 1 (0.02 is 2 %
    slower).
    """

    def __init__(
        self,
        budget: int,
        *,
        history: FloatArray | None,
        target: float,
        smallest_effect: float,
        alpha: float,
        pass_alpha: float,
    ) -> None:
        """`history` are A/A differences of this device and test, as log ratios [any number]."""
        self.budget = budget
        self._target = log1p(target)
        self._smallest_effect = log1p(smallest_effect)
        self._boundary, self._pass_boundary = 1 / alpha, 1 / pass_alpha
        self._evidence = EProcess(self._target, history)

    def look(self, differences: NDArray[Any], *, last: bool = False) -> Answer | None:
        """Judge the raw differences log(candidate/baseline) [pairs], in measuring order; None asks for more pairs."""
        d = np.asarray(differences, dtype=np.float64)
        if d.size == 0:
            return None
        slower, faster, below_target = self._e_values(d)
        if slower.max() >= self._boundary and self._matters(d):
            return Answer.REGRESSED
        if faster.max() >= self._boundary and self._matters(-d):
            return Answer.IMPROVED
        if below_target.max() < self._pass_boundary:
            return None
        improving = faster[-1] >= IN_SIGHT and faster.max() < self._boundary
        regressing = slower[-1] >= IN_SIGHT and np.median(d) >= NEAR * self._target
        return None if (improving or regressing) and d.size < self.budget and not last else Answer.PASS

    def e_value(self, differences: NDArray[Any]) -> float:
        """The present evidence against "no slow-down": 1 before the first pair, at most 1e300."""
        d = np.asarray(differences, dtype=np.float64)
        return float(self._e_values(d)[0, -1]) if d.size else 1.0

    def _e_values(self, d: FloatArray) -> FloatArray:
        """Against "no slow-down", "no speed-up" and "a slow-down of at least the target" [3, pairs]."""
        return self._evidence.values(np.stack([d, -d, self._target - d]))

    def _matters(self, d: FloatArray) -> bool:
        return self._smallest_effect == 0 or hodges_lehmann(d).above(self._smallest_effect)


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
    return EProcessRule(
        budget,
        history=known,
        target=target,
        smallest_effect=smallest_effect,
        alpha=alpha,
        pass_alpha=pass_alpha,
    )


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


def decide(rule: Rule, next_pair: Callable[[], tuple[float, float]]) -> tuple[Answer, int]:
    """Ask for launch pairs until `rule` has an answer or its budget is spent; returns the answer and the pairs taken.

    `next_pair` returns the times (baseline, candidate) of one more pair, in any unit. Raises ValueError for times that
    are not above 0 and finite.
    """
    differences: list[float] = []
    while len(differences) < rule.budget:
        baseline, candidate = (float(_times([time], "pair")[0]) for time in next_pair())
        differences.append(log(candidate) - log(baseline))
        answer = rule.look(np.array(differences))
        if answer is not None:
            return answer, len(differences)
    return Answer.INCONCLUSIVE, len(differences)


def verdict(baseline: ArrayLike, candidate: ArrayLike) -> bool:
    """Whether the candidate regressed: True or False, from per-launch medians in measuring order.

    Element i of both [n >= 1] belongs to launch pair i; any unit, the same for both. Judged pair by pair as by
    `sequential`, up to 60 pairs. Raises ValueError for times that are not above 0 and finite, and unequal lengths.
    """
    base, cand = _times(baseline, "baseline"), _times(candidate, "candidate")
    if base.size != cand.size:
        raise ValueError(f"expected launch pairs, found {base.size} baseline and {cand.size} candidate times")
    pairs = iter(zip(base.tolist(), cand.tolist(), strict=True))
    answer, _ = decide(eprocess_rule(smallest_effect=0.0, budget=min(BUDGET, base.size)), lambda: next(pairs))
    return answer is Answer.REGRESSED


def sequential(next_pair: Callable[[], tuple[float, float]], history: ArrayLike | None = None) -> tuple[Answer, int]:
    """Ask for launch pairs until they are enough; returns the answer and how many pairs it took (at most 60).

    `next_pair` returns the times (baseline, candidate) of one more pair, in any unit; `history` are log ratios
    candidate/baseline of identical builds (A/A) [any number]. Raises ValueError for times that are not above 0 and
    finite.
    """
    return decide(eprocess_rule(history=history, smallest_effect=0.0), next_pair)


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
