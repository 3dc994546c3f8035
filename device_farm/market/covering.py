"""Which sets to choose so that they cover most: weighted maximum coverage, as pure functions.

Greedy is within 1 - 1/e of the best (Nemhauser, Wolsey, Fisher 1978), and no polynomial rule can promise more. What a
given choice leaves can be bounded much closer from the data: coverage is submodular, so the best k sets cover at most
what S covers and the k largest gains on top of S, for any S. The same bound prunes the search for the best.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import e, fsum
from typing import Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

GREEDY_SHARE: Final = 1 - 1 / e
MOST_NODES: Final = 200_000
"""Choices that the search looks at before it says what it has: about 2 s."""

_SAME = 1e-12


@dataclass(frozen=True)
class Choice:
    """`names` in the order of their gain, what they cover with what was there, and what no choice can exceed.

    `exact`: nothing covers more. Else `bound` is the smaller of the two bounds above.
    """

    names: tuple[str, ...]
    covered: float
    bound: float
    exact: bool


def covered(sets: Sequence[frozenset[T]], weights: Mapping[T, float]) -> float:
    """The weight of all that is in any of the sets."""
    return fsum(weights.get(element, 0.0) for element in frozenset().union(*sets))


def choose(
    sets: Mapping[str, frozenset[T]],
    weights: Mapping[T, float],
    count: int,
    *,
    have: frozenset[T] = frozenset(),
    nodes: int = MOST_NODES,
) -> Choice:
    """The `count` sets (fewer where more add nothing) that cover most on top of `have`.

    Exact unless the search would look at more than `nodes` choices. Raises ValueError for a negative count.
    """
    if count < 0:
        raise ValueError(f"expected a count of at least 0, found {count}")
    left = {name: {element: weights[element] for element in found - have if weights.get(element, 0.0) > 0}
            for name, found in sets.items()}  # fmt: skip
    useful = {name: found for name, found in left.items() if found}
    base = covered([have], weights)
    greedy, bound = _greedy(useful, count)
    search = _Search(useful, count, nodes, greedy)
    exact = search.run()
    best = search.best
    names = _in_order({name: useful[name] for name in best})
    total = covered([have, *(sets[name] for name in names)], weights)
    if not exact:
        bound = min(bound, _gain(greedy, useful) / GREEDY_SHARE, fsum(weights.values()) - base)
    return Choice(tuple(names), total, total if exact else max(base + bound, total), exact)


Elements = Mapping[T, float]


def _greedy(sets: Mapping[str, Elements[T]], count: int) -> tuple[list[str], float]:
    """Names by largest gain, and what no choice of `count` can exceed: the least that any step of it allows."""
    chosen: list[str] = []
    seen: set[T] = set()
    total, bound = 0.0, float("inf")
    for _ in range(count + 1):
        gains = {name: _new(found, seen) for name, found in sets.items() if name not in chosen}
        bound = min(bound, total + fsum(sorted(gains.values(), reverse=True)[:count]))
        best = max(gains, key=lambda name: (gains[name], name), default=None)
        if best is None or gains[best] <= 0 or len(chosen) == count:
            break
        chosen.append(best)
        seen.update(sets[best])
        total += gains[best]
    return chosen, bound


def _new(found: Elements[T], seen: set[T]) -> float:
    return fsum(weight for element, weight in found.items() if element not in seen)


def _gain(names: Sequence[str], sets: Mapping[str, Elements[T]]) -> float:
    every = {element: weight for name in names for element, weight in sets[name].items()}
    return fsum(every.values())


def _in_order(sets: Mapping[str, Elements[T]]) -> list[str]:
    return _greedy(sets, len(sets))[0]


class _Search(Generic[T]):
    """Depth first, the largest gain first, without what cannot beat the best so far."""

    def __init__(self, sets: Mapping[str, Elements[T]], count: int, nodes: int, first: Sequence[str]) -> None:
        self._sets = sets
        self._count = count
        self._nodes = nodes
        self.best = tuple(first)
        self._most = _gain(first, sets)

    def run(self) -> bool:
        """Whether all was looked at."""
        return self._extend((), frozenset(), 0.0, list(self._sets))

    def _extend(self, chosen: tuple[str, ...], seen: frozenset[T], total: float, names: list[str]) -> bool:
        if total > self._most + _SAME:
            self.best, self._most = chosen, total
        more = self._count - len(chosen)
        gains = sorted(((_new(self._sets[name], set(seen)), name) for name in names), reverse=True)
        gains = [(gain, name) for gain, name in gains if gain > 0]
        for at, (gain, name) in enumerate(gains[: len(gains) if more > 0 else 0]):
            # `name` and those after it are what is left to choose from: earlier ones were tried with all of these
            if total + fsum(other for other, _ in islice(gains, at, at + more)) <= self._most + _SAME:
                return True
            self._nodes -= 1
            if self._nodes < 0:
                return False
            after = [other for _, other in gains[at + 1 :]]
            if not self._extend((*chosen, name), seen | self._sets[name].keys(), total + gain, after):
                return False
        return True
