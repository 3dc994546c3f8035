"""What a series says: where its level changed, within which commits, and how sure that is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ontarget.device_farm.memory.series import Point
from ontarget.device_farm.times import rfc3339
from ontarget.harness.statistics.changes import SHORTEST, ChangePoint, change_points
from ontarget.harness.statistics.trend import CONFIDENCE, trend


@dataclass(frozen=True)
class Change:
    """A new level of a series from its point `index` on; indexes are those of the series.

    With `confidence` it came with one of the commits from `earliest` to `latest`, both included. `size` (a ratio - 1)
    is that of the new level to the old, between `low` and `high`.
    """

    index: int
    earliest: int
    latest: int
    size: float
    low: float
    high: float
    confidence: float
    p_value: float

    def accepted(self, points: Sequence[Point]) -> int | None:
        """The acceptance of a commit that it may have come with."""
        there = (point.accepted for point in points[self.earliest : self.latest + 1])
        return next((number for number in there if number is not None), None)

    def to_json(self, points: Sequence[Point]) -> dict[str, Any]:
        after = points[self.earliest - 1]
        return {
            "kind": "step",
            "commit": points[self.index].commit,
            "build": points[self.index].candidate,
            "after": after.commit or after.candidate,
            "until": points[self.latest].commit or points[self.latest].candidate,
            "commits": self.latest - self.earliest + 1,
            "time": rfc3339(points[self.index].at),
            "size": self.size,
            "interval": [self.low, self.high],
            "confidence": self.confidence,
            "p_value": self.p_value,
            "accepted": self.accepted(points),
        }


def changes(points: Sequence[Point]) -> list[Change]:
    """The changes of level within each history, in order; what is of unlike conditions is never compared."""
    return list(_changes(points))


def _changes(points: Sequence[Point]) -> Iterator[Change]:
    for begin, stretch in histories(points):
        if len(stretch) >= SHORTEST:
            for found in change_points([point.level for point in stretch]):
                yield _of(found, begin)


def _of(found: ChangePoint, begin: int) -> Change:
    return Change(
        index=begin + found.index,
        earliest=begin + found.earliest,
        latest=begin + found.latest,
        size=found.size,
        low=found.low,
        high=found.high,
        confidence=found.confidence,
        p_value=found.p_value,
    )


@dataclass(frozen=True)
class Creep:
    """A level that grows commit by commit from the point `begin` on: each less than would be noticed, together more.

    `size` (a ratio - 1) is how much it grew up to the last point, between `low` and `high`.
    """

    begin: int
    size: float
    low: float
    high: float
    p_value: float

    def to_json(self, points: Sequence[Point]) -> dict[str, Any]:
        first, last = points[self.begin], points[-1]
        return {
            "kind": "creep",
            "commit": None,
            "build": None,
            "after": first.commit or first.candidate,
            "until": last.commit or last.candidate,
            "commits": len(points) - self.begin - 1,
            "time": rfc3339(last.at),
            "size": self.size,
            "interval": [self.low, self.high],
            "confidence": CONFIDENCE,
            "p_value": self.p_value,
            "accepted": None,
        }


def creeping(points: Sequence[Point], found: Sequence[Change], target: float) -> Creep | None:
    """The creeping regression since the last level began, if it is one of `target` (0.02 is 2 %) or more in all."""
    if not points:
        return None
    begin = starts(points, found)[-1]
    grown = trend([point.level for point in points[begin:]])
    if grown is None or not grown.creeps(target):
        return None
    return Creep(begin, grown.size, grown.low, grown.high, grown.p_value)


def histories(points: Sequence[Point]) -> Iterator[tuple[int, list[Point]]]:
    """The stretches of like conditions, each with the index at which it begins."""
    begin = 0
    for _, group in groupby(points, key=lambda point: point.history):
        stretch = list(group)
        yield begin, stretch
        begin += len(stretch)


def starts(points: Sequence[Point], found: Sequence[Change]) -> list[int]:
    """The indexes at which a level begins: at the series' start, with each history, each change, each acceptance."""
    levels = {begin for begin, _ in histories(points)} | {change.index for change in found}
    return sorted(levels | {index for index, point in enumerate(points) if point.accepted is not None})


def of_commits(points: Sequence[Point], order: Sequence[str]) -> list[Point]:
    """The points of these commits only, in their order within each history."""
    place = {commit: index for index, commit in enumerate(order)}
    kept = [point for point in points if point.commit in place]
    return sorted(kept, key=lambda point: (point.history, place[str(point.commit)]))
