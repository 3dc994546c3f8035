"""Ordinary bisection, for what repeats exactly: wrong results, counted instructions. One measurement per commit.

The interface is that of `harness.statistics.bisection.Bisection`, whose types it gives: the commit's value is told
instead of a launch pair's. A commit is bad whose value is nearer that of the bad end than 0, the good end's.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from math import expm1, isfinite

from ontarget.harness.statistics.bisection import Answer, Measure, Purpose, Result

VERSION = 1


class Halving:
    """A search among `commits`, oldest first, of which the first is good and the last is bad.

    `least` is the value above which the bad end differs from the good one. Raises ValueError for fewer than two
    commits, or doubled ones.
    """

    def __init__(self, commits: Sequence[str], *, least: float) -> None:
        self.commits = tuple(commits)
        self.least = least
        if len(set(self.commits)) != len(self.commits) or len(self.commits) < 2:
            raise ValueError(f"expected a good commit and some after it, each once, found {self.commits}")
        self._told: list[tuple[int, float | None]] = []

    @property
    def step(self) -> Measure | Answer:
        """What to do next; it stays the same until `tell` or `cannot_measure`."""
        last = len(self.commits) - 1
        values = self._values()
        if last not in values:
            return Measure(self.commits[last], Purpose.ENDS)
        if values[last] <= self.least:
            return self._answer(Result.NO_DIFFERENCE)
        before, after = self._edge()
        left = [place for place in range(before + 1, after) if place not in self._unmeasurable()]
        if not left:
            return self._answer(Result.FOUND)
        return Measure(self.commits[left[len(left) // 2]], Purpose.SEARCH)

    @property
    def pairs(self) -> int:
        """How many measurements were told."""
        return len(self._values())

    def posterior(self) -> dict[str, float]:
        """P(this commit is the culprit), alike for all between the last good and the first bad one."""
        before, after = self._edge()
        return dict.fromkeys(self.commits[before + 1 : after + 1], 1 / (after - before))

    def evidence(self) -> dict[str, list[float]]:
        """The values by commit."""
        return {self.commits[place]: [value] for place, value in self._values().items()}

    def tell(self, value: float) -> None:
        """Take the value of the commit that `step` asked for. Raises ValueError where nothing was asked for."""
        step = self.step
        if not isinstance(step, Measure) or not isfinite(value):
            raise ValueError(f"expected a finite value while something is asked for, found {value}")
        self._told.append((self.commits.index(step.commit), float(value)))

    def cannot_measure(self, commit: str) -> None:
        """Step around a commit that does not build or run. Raises ValueError for an end, and an unknown commit."""
        place = self.commits.index(commit)
        if place in (0, len(self.commits) - 1):
            raise ValueError(f"expected the ends to be measurable, but {commit!r} is one and is not")
        self._told.append((place, None))

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, "commits": self.commits, "least": self.least, "told": self._told})

    @classmethod
    def from_json(cls, text: str) -> "Halving":
        """Go on where `to_json` was. Raises ValueError for what it did not write."""
        try:
            state = json.loads(text)
            if state["version"] != VERSION:
                raise ValueError(f"expected a search of version {VERSION}, found {state['version']}")
            search = cls(state["commits"], least=float(state["least"]))
            for place, value in state["told"]:
                if value is None:
                    search.cannot_measure(search.commits[place])
                else:
                    search.tell(value)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"expected a search as it was saved, found {text[:80]!r}") from error
        return search

    def _values(self) -> dict[int, float]:
        return {place: value for place, value in self._told if value is not None}

    def _unmeasurable(self) -> set[int]:
        return {place for place, value in self._told if value is None}

    def _edge(self) -> tuple[int, int]:
        """The last good and the first bad place that are known."""
        values = {0: 0.0, **self._values()}
        last = len(self.commits) - 1
        threshold = values.get(last, 0.0) / 2
        known = sorted(place for place in values if place != last)
        for before, after in pairwise([*known, last]):
            if after == last or values[after] > threshold:
                return before, after
        return 0, last

    def _answer(self, result: Result) -> Answer:
        effect = expm1(self._values()[len(self.commits) - 1])
        if result is Result.NO_DIFFERENCE:
            return Answer(result, (), 0.0, {}, effect, effect, effect, self.pairs)
        posterior = self.posterior()
        return Answer(result, tuple(posterior), 1.0, posterior, effect, effect, effect, self.pairs)
