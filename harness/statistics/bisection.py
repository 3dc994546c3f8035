"""Which commit made it slower: a posterior over commits, asked where it learns most, and proof of both sides.

`Bisection` is a state machine without clocks, builds or devices. Whoever drives it does what `step` says until it is
an `Answer`:

    search = Bisection(commits)                     # oldest first: commits[0] is good, commits[-1] is bad
    while isinstance(step := search.step, Measure):
        try:
            build(step.commit)
        except BuildFailed:
            search.cannot_measure(step.commit)      # stepped around; the answer may become a range
        else:
            search.tell(log(time of step.commit / time of commits[0]))    # one launch pair, interleaved
        save(search.to_json())                      # Bisection.from_json(...) goes on where it was

Every pair compares a commit with the good end, commits[0]. First the ends are proven to differ. Then the commit c
whose P(culprit <= c) is nearest one half is measured, a pair at a time. When one place holds nearly all of the
posterior, fresh e-processes prove both of its sides: the commit is slower than the good end, the one before is not
slower by most of the difference. What a proof finds is evidence, too, so a proof that fails sends the search on.

The state is the list of what was told, in order: an interrupted search that goes on equals an uninterrupted one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import expm1, isfinite
from typing import Any

import numpy as np

from ontarget.harness.outcomes import Answer as Verdict
from ontarget.harness.statistics.culprit import gain, posterior_of_culprit, spread
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.harness.statistics.sequential import EProcessRule, eprocess_rule

VERSION = 1
PROOF_ALPHA = 0.01
PROOF_PAIRS, BUDGET = 60, 600  # launch pairs
_ENOUGH = 0.95  # of the posterior, to try a proof
_MOST_OF_IT = 0.75  # of the difference: the earlier side is shown to be less slow than this
_LEAST_DIFFERENCE = 0.005  # log units, of the ends: what is less is not looked for
_LEAST_PAIRS = 8  # of the ends: the difference and its spread are estimated from them


class Purpose(StrEnum):
    """What a pair is for."""

    ENDS = "show that the ends differ"
    SEARCH = "find the place"
    AFTER = "prove that it is slower"
    BEFORE = "prove that the one before is not"


@dataclass(frozen=True)
class Measure:
    """Measure one more launch pair of this commit (by name) and the good end."""

    commit: str
    purpose: Purpose


class Result(StrEnum):
    """How a search ended."""

    FOUND = "found"  # both sides proven
    NO_DIFFERENCE = "no difference"  # the ends don't differ
    UNPROVEN = "unproven"  # the budget was spent


@dataclass(frozen=True)
class Answer:
    """The culprit is one of `suspects`, oldest first: more than one where those between can't be measured.

    `probability` is theirs together, `posterior` that of every commit that has some; `effect` and its interval are
    those of the bad side against the good end, as ratios - 1; an open end is None.
    """

    result: Result
    suspects: tuple[str, ...]
    probability: float
    posterior: dict[str, float]
    effect: float | None
    low: float | None
    high: float | None
    pairs: int


@dataclass(frozen=True)
class _Event:
    commit: int
    difference: float | None  # None: it can't be measured


class Bisection:
    """A search among `commits`, oldest first, of which the first is good and the last is bad.

    `budget` is the most launch pairs. Raises ValueError for fewer than two commits, or doubled ones.
    """

    def __init__(self, commits: Sequence[str], *, budget: int = BUDGET) -> None:
        self.commits = tuple(commits)
        self.budget = budget
        if len(self.commits) < 2:
            raise ValueError(f"expected a good commit and at least one after it, found {len(self.commits)}")
        if len(set(self.commits)) != len(self.commits):
            raise ValueError("expected every commit once, found doubled ones")
        if budget < 1:
            raise ValueError(f"expected a budget of at least one launch pair, found {budget}")
        self._events: list[_Event] = []
        self._evidence: dict[int, list[float]] = {}
        self._unmeasurable: set[int] = set()
        self._purpose = Purpose.ENDS
        self._proof: list[float] = []
        self._place = (0, len(self.commits) - 1)  # last good, first bad, while it is being proven
        self._result: Result | None = None

    @property
    def step(self) -> Measure | Answer:
        """What to do next; it stays the same until `tell` or `cannot_measure`."""
        if self._result is not None:
            return self._answer(self._result)
        return Measure(self.commits[self._wanted()], self._purpose)

    @property
    def pairs(self) -> int:
        """How many launch pairs were told."""
        return sum(event.difference is not None for event in self._events)

    def posterior(self) -> dict[str, float]:
        """P(this commit is the culprit) of all commits after the good end."""
        return dict(zip(self.commits[1:], self._posterior().tolist(), strict=True))

    def evidence(self) -> dict[str, list[float]]:
        """The log ratios to the good end by commit, in the order in which they were told."""
        return {self.commits[place]: list(values) for place, values in sorted(self._evidence.items())}

    def tell(self, difference: float) -> None:
        """Take the log ratio (commit / good end) of the launch pair that `step` asked for.

        Raises ValueError where it is not finite, or nothing was asked for.
        """
        if not isfinite(difference):
            raise ValueError(f"expected a finite log ratio, found {difference}")
        if self._result is not None:
            raise ValueError("expected no more launch pairs: the search has ended")
        self._take(_Event(self._wanted(), float(difference)))

    def cannot_measure(self, commit: str) -> None:
        """Step around a commit that does not build or run. Raises ValueError for an end, and an unknown commit."""
        if commit not in self.commits:
            raise ValueError(f"expected a commit of this search, found {commit!r}")
        place = self.commits.index(commit)
        if place in (0, len(self.commits) - 1):
            raise ValueError(f"expected the ends to be measurable, but {commit!r} is one and is not")
        if place not in self._unmeasurable and self._result is None:
            self._take(_Event(place, None))

    def to_json(self) -> str:
        """All that was told, in order."""
        told = [[event.commit, event.difference] for event in self._events]
        return json.dumps({"version": VERSION, "commits": self.commits, "budget": self.budget, "told": told})

    @classmethod
    def from_json(cls, text: str) -> "Bisection":
        """Go on where `to_json` was. Raises ValueError for what it did not write."""
        try:
            state = json.loads(text)
            if state["version"] != VERSION:
                raise ValueError(f"expected a search of version {VERSION}, found {state['version']}")
            search = cls(state["commits"], budget=state["budget"])
            for commit, difference in state["told"]:
                search._replay(commit, difference)
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a search as it was saved, found {text[:80]!r}") from error
        return search

    def _replay(self, commit: Any, difference: Any) -> None:
        if difference is None:
            self.cannot_measure(self.commits[commit])
        elif commit != self._wanted():
            raise ValueError(f"expected a pair of {self.commits[self._wanted()]!r} next, found one of commit {commit}")
        else:
            self.tell(difference)

    def _wanted(self) -> int:
        """The place of the commit to measure."""
        match self._purpose:
            case Purpose.ENDS:
                return len(self.commits) - 1
            case Purpose.AFTER:
                return self._place[1]
            case Purpose.BEFORE:
                return self._place[0]
            case Purpose.SEARCH:
                return self._most_telling()

    def _most_telling(self) -> int:
        """The measurable commit c whose P(culprit <= c) is nearest one half, unless pairs of it tell little more."""
        slow_by_then = np.cumsum(self._posterior())
        inner = [c for c in range(1, len(self.commits) - 1) if c not in self._unmeasurable]
        open_still = {c: 0.5 - abs(float(slow_by_then[c - 1]) - 0.5) for c in inner}
        sd = spread(self._evidence)
        return max(inner, key=lambda c: open_still[c] * gain(len(self._evidence.get(c, ())), sd))

    def _posterior(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        return posterior_of_culprit(len(self.commits), self._evidence)

    def _take(self, event: _Event) -> None:
        self._events.append(event)
        if event.difference is None:
            self._unmeasurable.add(event.commit)
            if self._purpose is not Purpose.ENDS:
                self._search_or_prove()
            return
        self._evidence.setdefault(event.commit, []).append(event.difference)
        if self._purpose is Purpose.SEARCH:
            self._search_or_prove()
        else:
            self._proof.append(event.difference)
            self._judge_proof()
        if self._result is None and self.pairs >= self.budget:
            self._result = Result.UNPROVEN

    def _judge_proof(self) -> None:
        verdict = self._rule().look(np.array(self._proof))
        spent = len(self._proof) >= PROOF_PAIRS
        match self._purpose:
            case Purpose.ENDS:
                if verdict is Verdict.REGRESSED and len(self._proof) >= _LEAST_PAIRS:
                    self._search_or_prove()
                elif spent or verdict in (Verdict.PASS, Verdict.IMPROVED):
                    self._result = Result.NO_DIFFERENCE
            case Purpose.AFTER if verdict is Verdict.REGRESSED:
                self._prove_before()
            case Purpose.BEFORE if verdict in (Verdict.PASS, Verdict.IMPROVED):
                self._result = Result.FOUND
            case _ if verdict is not None or spent:
                self._search_or_prove()  # the proof failed; its pairs are evidence now

    def _rule(self) -> EProcessRule:
        """Fresh evidence for the purpose. Once the difference is known, layout's luck is no part of it: slower is by
        more than half of it, not slower is by less than most of it.
        """
        ends = self._purpose is Purpose.ENDS
        difference = 0.0 if ends else max(self._difference(), _LEAST_DIFFERENCE)
        return eprocess_rule(
            target=expm1(_LEAST_DIFFERENCE if ends else _MOST_OF_IT * difference),
            smallest_effect=expm1(difference / 2),
            budget=PROOF_PAIRS,
            alpha=PROOF_ALPHA,
            pass_alpha=PROOF_ALPHA,
        )

    def _difference(self) -> float:
        return hodges_lehmann(np.array(self._evidence[len(self.commits) - 1])).centre

    def _search_or_prove(self) -> None:
        self._proof = []
        self._purpose = Purpose.SEARCH
        measurable = [c for c in range(len(self.commits)) if c not in self._unmeasurable]
        posterior = self._posterior()
        shares = [float(posterior[before:after].sum()) for before, after in pairwise(measurable)]
        likeliest = int(np.argmax(shares))
        if shares[likeliest] < _ENOUGH and len(shares) > 1:
            return
        self._place = measurable[likeliest], measurable[likeliest + 1]
        if self._place[1] == len(self.commits) - 1:
            self._prove_before()  # the bad end is proven
        else:
            self._purpose = Purpose.AFTER

    def _prove_before(self) -> None:
        self._proof = []
        self._purpose = Purpose.BEFORE
        if self._place[0] == 0:
            self._result = Result.FOUND  # it is the good end itself

    def _answer(self, result: Result) -> Answer:
        bad = self._evidence.get(len(self.commits) - 1, [])
        posterior = self.posterior()
        before, after = self._place
        if result is Result.UNPROVEN:
            by_share = sorted(range(1, len(self.commits)), key=lambda c: -posterior[self.commits[c]])
            before, after = by_share[0] - 1, by_share[0]
        suspects = () if result is Result.NO_DIFFERENCE else self.commits[before + 1 : after + 1]
        estimate = hodges_lehmann(np.array(bad)) if bad else None
        low, high = (estimate.low, estimate.high) if estimate else (None, None)
        return Answer(
            result=result,
            suspects=suspects,
            probability=sum(posterior[commit] for commit in suspects),
            posterior={commit: share for commit, share in posterior.items() if share > 1e-6},
            effect=None if estimate is None else expm1(estimate.centre),
            low=None if low is None else expm1(low),
            high=None if high is None else expm1(high),
            pairs=self.pairs,
        )
