"""The seam behind which a verdict is reached, and the rule that is there for now: exact looks at fixed pair counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log1p
from typing import Any, Protocol

from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.harness.statistics.signed_rank import p_value

ALPHA = 0.00025  # false alarms per test, before confirmation: under 5 % for a commit of 200 tests
PASS_ALPHA = 0.05  # real slow-downs of the target that pass
CONFIRM_ALPHA = 0.01
TARGET = 0.02
SMALLEST_EFFECT = 0.005


class Rule(Protocol):
    """Decides after every valid launch pair whether the evidence is enough."""

    @property
    def budget(self) -> int:
        """The number of pairs after which no answer means inconclusive."""
        ...

    def look(self, differences: NDArray[Any]) -> Answer | None:
        """Judge the raw differences log(candidate/baseline) [pairs], in measuring order; None asks for more pairs.

        It is called after every pair and must be fair however often that is.
        """
        ...

    def e_value(self, differences: NDArray[Any]) -> float | None:
        """The present evidence against "no slow-down" as an e-value, None where the rule has none."""
        ...


@dataclass(frozen=True)
class Look:
    """At `pairs` pairs: the share of the errors that this look may make (0: it does not ask the question)."""

    pairs: int
    alpha: float
    pass_alpha: float


# Shares of the whole alpha by look. A pass needs few pairs (2**-6 at 6), no-change at 0.025 % can't be rejected with
# fewer than 12; the later looks take larger shares as that is where outliers leave the evidence short of perfect.
_SCHEDULE: tuple[tuple[int, float, float], ...] = (
    (6, 0.0, 0.32),
    (9, 0.0, 0.16),
    (14, 0.25, 0.16),
    (20, 0.25, 0.16),
    (30, 0.5, 0.20),
)
# To confirm at 1 %: 8 pairs of one sign are 0.39 %.
_CONFIRM_SCHEDULE: tuple[tuple[int, float, float], ...] = (
    (8, 0.4, 0.35),
    (14, 0.3, 0.35),
    (20, 0.3, 0.30),
)


def _looks(schedule: tuple[tuple[int, float, float], ...], alpha: float, pass_alpha: float) -> tuple[Look, ...]:
    return tuple(Look(pairs, alpha * share, pass_alpha * pass_share) for pairs, share, pass_share in schedule)


@dataclass(frozen=True)
class SignedRankRule:
    """Exact signed-rank tests at a few fixed pair counts; the errors of the looks add up to at most the alphas.

    regressed: "no slow-down" is rejected, and the interval of the effect lies above `smallest_effect`; improved: its
    mirror; pass: "a slow-down of at least `target`" is rejected, and no improvement is in sight. The tests see the raw
    differences, never shifted by the smallest effect, which would destroy the fair sign. Effects are ratios - 1 (0.02
    is 2 % slower).
    """

    looks: tuple[Look, ...]
    target: float = TARGET
    smallest_effect: float = SMALLEST_EFFECT
    _by_pairs: Mapping[int, Look] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_pairs", {look.pairs: look for look in self.looks})

    @property
    def budget(self) -> int:
        return self.looks[-1].pairs

    def look(self, differences: NDArray[Any]) -> Answer | None:
        look = self._by_pairs.get(differences.size)
        if look is None:
            return None
        estimate = hodges_lehmann(differences)
        if p_value(differences) <= look.alpha and estimate.above(log1p(self.smallest_effect)):
            return Answer.REGRESSED
        faster = estimate.below(-log1p(self.smallest_effect))
        if faster and p_value(-differences) <= look.alpha:
            return Answer.IMPROVED
        if p_value(-differences, above=-log1p(self.target)) > look.pass_alpha:
            return None
        # A pass needs fewer pairs than an improvement: one in sight is waited for, so that it is named.
        return None if faster and look.pairs < self.budget else Answer.PASS

    def e_value(self, differences: NDArray[Any]) -> float | None:  # noqa: ARG002 - an exact test has none
        return None


def signed_rank_rule(
    *,
    target: float = TARGET,
    smallest_effect: float = SMALLEST_EFFECT,
    budget: int = 30,
    alpha: float = ALPHA,
    pass_alpha: float = PASS_ALPHA,
) -> SignedRankRule:
    """The rule for a first answer: looks at 6, 9, 14, 20 and 30 pairs as far as the budget (pairs) goes.

    The last look is at the budget itself.
    """
    return SignedRankRule(_cut(_looks(_SCHEDULE, alpha, pass_alpha), budget), target, smallest_effect)


def confirmation_rule(
    *,
    target: float = TARGET,
    smallest_effect: float = SMALLEST_EFFECT,
    budget: int = 20,
    alpha: float = CONFIRM_ALPHA,
    pass_alpha: float = PASS_ALPHA,
) -> SignedRankRule:
    """The rule for fresh pairs that are to confirm a regressed answer: looks at 8, 14 and 20 pairs."""
    return SignedRankRule(_cut(_looks(_CONFIRM_SCHEDULE, alpha, pass_alpha), budget), target, smallest_effect)


def _cut(looks: tuple[Look, ...], budget: int) -> tuple[Look, ...]:
    """The looks within the budget, the last one moved to it with all that the dropped ones would have spent."""
    if budget < 1:
        raise ValueError(f"expected a budget of at least one launch pair, found {budget}")
    kept = [look for look in looks if look.pairs < budget]
    rest = [look for look in looks if look.pairs >= budget] or [Look(budget, 0.0, 0.0)]
    last = rest[:1] if kept and budget >= looks[-1].pairs else rest
    return (*kept, Look(budget, sum(look.alpha for look in last), sum(look.pass_alpha for look in last)))
