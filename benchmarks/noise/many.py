"""What the rule of `ontarget.harness.statistics` answers for many series at once: the same, side by side."""

from dataclasses import dataclass
from math import log1p

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.eprocess import EProcess
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.harness.statistics.rules import ALPHA, PASS_ALPHA, TARGET
from ontarget.harness.statistics.sequential import IN_SIGHT

FloatArray = NDArray[np.float64]
_NEVER = np.iinfo(np.int64).max
# Most tests end early: all are judged by the first pairs, those left over once more by more of them.
_STAGES = (16, 40)


@dataclass(frozen=True)
class Answers:
    """The answer of each test [tests], and how many pairs it took [tests]."""

    answers: NDArray[np.object_]
    pairs: NDArray[np.int64]

    def share(self, answer: Answer) -> float:
        return float(np.mean(self.answers == answer))


def judge(
    differences: FloatArray,
    *,
    history: FloatArray | None = None,
    target: float = TARGET,
    smallest_effects: tuple[float, ...] = (0.0,),
) -> tuple[Answers, ...]:
    """Answer each row of `differences` [tests, budget] as the rule would, once for each smallest effect (a ratio - 1).

    `history` [tests, m] are A/A differences. The e-processes, which take the time, are the same for all of them.
    """
    limit = log1p(target)
    count, budget = differences.shape
    found = tuple(Answers(np.full(count, None, dtype=object), np.zeros(count, np.int64)) for _ in smallest_effects)
    open_ = np.arange(count)
    for pairs in sorted({min(pairs, budget) for pairs in (*_STAGES, budget)}):
        known = None if history is None else history[open_]
        d = differences[open_, :pairs]
        evidence = EProcess(limit, known).values(np.stack([d, -d, limit - d]))
        for answers, effect in zip(found, smallest_effects, strict=True):
            answers.answers[open_], answers.pairs[open_] = _answers(d, evidence, log1p(effect), budget)
        open_ = open_[np.any([answers.answers[open_] == None for answers in found], axis=0)]  # noqa: E711 - elementwise
    for answers in found:
        answers.answers[answers.answers == None] = Answer.INCONCLUSIVE  # noqa: E711 - elementwise
    return found


def _answers(
    d: FloatArray, evidence: FloatArray, effect: float, budget: int
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The answers by the pairs seen so far, None where they are not enough, and how many pairs each took."""
    ever_slower, ever_faster, ever_below = np.maximum.accumulate(evidence, axis=-1)
    ever_faster = ever_faster >= 1 / ALPHA
    waits = (evidence[1] >= IN_SIGHT) & ~ever_faster & (np.arange(1, d.shape[1] + 1) < budget)
    passed = _first((ever_below >= 1 / PASS_ALPHA) & ~waits)
    improved = _first_that_matters(-d, ever_faster, effect, passed)
    regressed = _first_that_matters(d, ever_slower >= 1 / ALPHA, effect, passed)
    when = np.stack([regressed, improved, passed])
    first = when.min(axis=0)
    order = np.array([Answer.REGRESSED, Answer.IMPROVED, Answer.PASS, None], dtype=object)
    return order[np.where(first == _NEVER, 3, when.argmin(axis=0))], np.minimum(first, d.shape[1] - 1) + 1


def _first(reached: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The index of each row's first True."""
    return np.where(reached.any(axis=1), reached.argmax(axis=1), _NEVER)


def _first_that_matters(
    d: FloatArray, reached: NDArray[np.bool_], effect: float, end: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The first index by which the boundary was reached and the robust interval lies above `effect`, up to `end`."""
    first = _first(reached)
    if effect == 0:
        return first
    for test in np.flatnonzero(first < _NEVER):
        last = min(int(end[test]) + 1, d.shape[1])
        held = (i for i in range(first[test], last) if hodges_lehmann(d[test, : i + 1]).above(effect))
        first[test] = next(held, _NEVER)
    return first
