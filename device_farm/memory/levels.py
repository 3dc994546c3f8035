"""How fast each build of a test was, from comparisons of different days.

A session has a level of its own: heat, other load and the luck of the day move all that is measured in it by a per cent
or so. So times of different sessions say little about two builds, and the effects candidate/baseline, measured within
one, say much: to a tenth or two of a per cent. Adding the effects up along the commits would lose no step, but their
errors add up as well: after a thousand commits the level would have walked away by several per cent, and a walk looks
like creeping regressions. So both are used, each for what it is worth: the levels x are the least-squares solution of

    x[candidate] - x[baseline] = effect,                 known to CAUTION times the error of the effect,
    (x[candidate] + x[baseline]) / 2 = session's level,  known to the sessions' scatter,

all in logarithms. Steps come from the effects, and what holds the whole in place are the sessions' levels, averaged
over as many commits as the one is better known than the other. With the errors as they are that would be tens of
commits, whose levels would then be wrong together, which looks like a change: hence the caution (`benchmarks.levels`).

Where a pinned reference kernel was timed in the same session, the session's level is in ratio to it, which takes most
of the scatter away. Without effects (no baseline) the levels are the sessions' own, and
on a clock that counts instructions both say the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CAUTION: Final = 4.0
_FIRST_SCATTER: Final = 0.01
_LEAST_SCATTER: Final = 1e-5
_LEAST_ERROR: Final = 2e-4
_ROUNDS: Final = 3
_ACCURACY: Final = 1e-9


@dataclass(frozen=True)
class Sighting:
    """What one session says of two builds; logarithms.

    `level` is the candidate's, measured together with the effect or `apart` from it; `error` is the effect's.
    """

    candidate: str
    level: float | None
    baseline: str | None = None
    effect: float | None = None
    error: float = _LEAST_ERROR
    apart: bool = False


def solve(sightings: Sequence[Sighting]) -> Mapping[str, float]:
    """Return the level (a logarithm) of each build that hangs together with one of known level."""
    names = list(dict.fromkeys(name for seen in sightings for name in (seen.candidate, seen.baseline) if name))
    place = {name: index for index, name in enumerate(names)}
    edges = [
        (place[seen.candidate], place[seen.baseline], seen.effect, CAUTION * max(seen.error, _LEAST_ERROR))
        for seen in sightings
        if seen.baseline is not None and seen.effect is not None and seen.baseline != seen.candidate
    ]
    anchors = [_anchor(seen, place) for seen in sightings if seen.level is not None]
    if not anchors:
        return {}
    ends = [(a, b) for a, b, _, _ in edges] + [(a, b) for a, b, _ in anchors]
    held = _held(len(names), ends, [a for a, _, _ in anchors])
    system = _System(len(names), np.array(edges, dtype=np.float64).reshape(-1, 4), np.array(anchors, dtype=np.float64))
    x, scatter = system.solved(_FIRST_SCATTER), _FIRST_SCATTER
    for _ in range(_ROUNDS if edges else 0):
        scatter = max(_LEAST_SCATTER, system.scatter(x))
        x = system.solved(scatter)
    return {name: float(x[index]) for name, index in place.items() if held[index]}


def _anchor(seen: Sighting, place: Mapping[str, int]) -> tuple[int, int, float]:
    """The two builds whose mean level the session says, and that level."""
    candidate, level = place[seen.candidate], float(seen.level or 0.0)
    if seen.baseline is None or seen.effect is None or seen.apart:
        return candidate, candidate, level
    return candidate, place[seen.baseline], level - seen.effect / 2


class _System:
    """The equations, solved by conjugate gradients: a thousand commits take milliseconds."""

    def __init__(self, size: int, edges: FloatArray, anchors: FloatArray) -> None:
        self._size = size
        self._edges = (edges[:, 0].astype(int), edges[:, 1].astype(int))
        self._effects, self._edge_weights = edges[:, 2], edges[:, 3] ** -2.0
        self._anchors = (anchors[:, 0].astype(int), anchors[:, 1].astype(int))
        self._levels = anchors[:, 2]

    def scatter(self, x: FloatArray) -> float:
        """The sessions' standard deviation around the levels x, robustly."""
        left = self._levels - (x[self._anchors[0]] + x[self._anchors[1]]) / 2
        return 1.4826 * float(np.median(np.abs(left - np.median(left))))

    def solved(self, scatter: float) -> FloatArray:
        weight = scatter**-2.0
        # from the mean level: logarithms of nanoseconds are far from 0, and their differences small
        centre = float(np.mean(self._levels))
        right = self._gathered(self._edges, self._edge_weights * self._effects, -1.0)
        right += self._gathered(self._anchors, weight * (self._levels - centre) / 2, 1.0)
        diagonal = self._gathered(self._edges, self._edge_weights, 1.0)
        diagonal += self._gathered(self._anchors, np.full(self._levels.size, weight / 4), 1.0)
        scale = 1 / np.where(diagonal > 0, diagonal, 1.0)
        x = np.zeros(self._size)
        residual = right.copy()
        direction = preconditioned = scale * residual
        energy = float(residual @ preconditioned)
        for _ in range(4 * self._size):
            if energy <= _ACCURACY**2 * weight:
                break
            forward = self._applied(direction, weight)
            step = energy / float(direction @ forward)
            x = x + step * direction
            residual = residual - step * forward
            preconditioned = scale * residual
            energy, before = float(residual @ preconditioned), energy
            direction = preconditioned + energy / before * direction
        return x + centre

    def _applied(self, x: FloatArray, weight: float) -> FloatArray:
        a, b = self._edges
        across = self._gathered(self._edges, self._edge_weights * (x[a] - x[b]), -1.0)
        a, b = self._anchors
        return across + self._gathered(self._anchors, weight * (x[a] + x[b]) / 4, 1.0)

    def _gathered(self, ends: tuple[NDArray[np.int_], NDArray[np.int_]], values: FloatArray, sign: float) -> FloatArray:
        """The sum at each build of the values of its equations, at the second end times `sign`."""
        first, second = (np.bincount(end, values, self._size) for end in ends)
        return np.asarray(first + sign * second, dtype=np.float64)


def _held(size: int, ends: Sequence[tuple[int, int]], anchored: Sequence[int]) -> list[bool]:
    """Which builds hang together with an anchored one (union-find)."""
    parent = list(range(size))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in ends:
        parent[root(one)] = root(other)
    good = {root(node) for node in anchored}
    return [root(node) in good for node in range(size)]
