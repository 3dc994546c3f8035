"""The newest point of a test without a baseline build: against the test's history, in ratio to a reference kernel.

Between sessions a level moves by more than its own launch pairs show, so the spread of the history's levels decides,
not the number of pairs. What is told is a prediction interval: where one more session of an unchanged build would lie.
"""

from dataclasses import dataclass
from math import expm1, log1p, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.changes import SHORTEST, latest_level
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.harness.statistics.logs import finite
from ontarget.harness.statistics.rules import ALPHA, PASS_ALPHA, SMALLEST_EFFECT, TARGET
from ontarget.harness.statistics.student import upper_quantile

FloatArray = NDArray[np.float64]

FEWEST_SESSIONS = 8  # fewer can't tell how sessions differ
FEWEST_PAIRS = 3
_OUTLYING = 3.0  # robust standard deviations: one broken session must not hide what follows


@dataclass(frozen=True)
class Newest:
    """An answer by history: `effect` against it and its 95 % interval are ratios - 1; None where nothing can be said.

    `sessions` of the history's latest level were looked at; `note` says why an answer is inconclusive.
    """

    answer: Answer
    effect: float | None
    low: float | None
    high: float | None
    sessions: int
    note: str = ""


def newest(
    history: ArrayLike,
    pairs: ArrayLike,
    *,
    target: float = TARGET,
    smallest_effect: float = SMALLEST_EFFECT,
    alpha: float = ALPHA,
    pass_alpha: float = PASS_ALPHA,
) -> Newest:
    """Judge the newest session by `pairs`, its log ratios (candidate / reference kernel) [k].

    `history` are earlier sessions' levels [n], oldest first: each the centre of its log ratios to the same pinned
    reference. What came before its last change point is left out. regressed: the newest lies above the prediction for
    an unchanged build at `alpha`, above each of its sessions, and by more than `smallest_effect`; improved: the mirror;
    pass: a slow-down of `target` would lie above at `pass_alpha`. Raises ValueError for what is not finite.
    """
    levels, own = finite(history, "history"), finite(pairs, "pairs")
    if levels.size >= SHORTEST:
        levels = levels[latest_level(np.exp(levels - levels[0])) :]
    n = levels.size
    if own.size < FEWEST_PAIRS or n < FEWEST_SESSIONS:
        found = f"{own.size} launch pairs and {n} sessions at the latest level"
        wanted = f"expected at least {FEWEST_PAIRS} and {FEWEST_SESSIONS}"
        return Newest(Answer.INCONCLUSIVE, None, None, None, n, f"{wanted}, found {found}")
    levels = _without_outliers(levels)
    centre = hodges_lehmann(own).centre - float(levels.mean())
    # The newest session's own error is part of how sessions differ, but may be larger than theirs: it has few pairs.
    within = float(own.var(ddof=1)) / own.size
    error = sqrt(max(float(levels.var(ddof=1)), within) * (1 + 1 / levels.size))
    freedom = levels.size - 1
    reach = upper_quantile(0.025, freedom) * error
    interval = expm1(centre - reach), expm1(centre + reach)
    certain = upper_quantile(alpha, freedom) * error
    level = hodges_lehmann(own).centre
    note = ""
    if centre - certain > 0 and centre > log1p(smallest_effect) and level > levels.max():
        answer = Answer.REGRESSED
    elif centre + certain < 0 and centre < -log1p(smallest_effect) and level < levels.min():
        answer = Answer.IMPROVED
    elif centre + upper_quantile(pass_alpha, freedom) * error < log1p(target):
        answer = Answer.PASS
    else:
        answer = Answer.INCONCLUSIVE
        note = f"sessions of the same build differ by {expm1(error):.1%} (standard deviation): too much to tell"
    return Newest(answer, expm1(centre), *interval, n, note)


def _without_outliers(levels: FloatArray) -> FloatArray:
    """The levels, drawn to within 3 robust standard deviations of their median where the bulk has any spread."""
    middle = float(np.median(levels))
    limit = _OUTLYING * 1.4826 * float(np.median(np.abs(levels - middle)))
    return np.asarray(np.clip(levels, middle - limit, middle + limit)) if limit else levels
