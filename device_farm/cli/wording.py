"""How commits and changes of level are told on the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ontarget.device_farm.memory.analysis import Change, Creep
    from ontarget.device_farm.memory.series import Point


def name_of(point: "Point") -> str:
    """The commit's short name, else that of its build."""
    return point.commit[:10] if point.commit else f"build {(point.candidate or '?')[:10]}"


def size_in_words(size: float | None) -> str:
    """ "+3.1 %"."""
    return "not compared" if size is None else f"{100 * size:+.{1 if abs(size) >= 0.01 else 2}f} %"


def range_in_words(change: "Change", points: "Sequence[Point]") -> str:
    """Between which commits a change came: after the first, and with the second at the latest."""
    if change.earliest == change.latest:
        return f"{name_of(points[change.index])}"
    return f"after {name_of(points[change.earliest - 1])}, at the latest {name_of(points[change.latest])}"


def creep_in_words(creep: "Creep", points: "Sequence[Point]") -> str:
    """ "creeping: +3.1 % (+2.0 to +4.2 %) from 3f2a81c09d to 77ab01c2d3, 40 commits"."""
    return (
        f"creeping: {size_in_words(creep.size)} ({interval_in_words(creep.low, creep.high)}) from "
        f"{name_of(points[creep.begin])} to {name_of(points[-1])}, {len(points) - creep.begin - 1} commits"
    )


def interval_in_words(low: float, high: float) -> str:
    return f"{size_in_words(low).removesuffix(' %')} to {size_in_words(high)}"


def change_in_words(change: "Change", points: "Sequence[Point]") -> str:
    """ "121: 3f2a81c09d, +2.0 % (+1.8 to +2.2 %), confidence 95 %"."""
    accepted = change.accepted(points)
    sure = f"{100 * change.confidence:.0f} %"
    return (
        f"{change.index + 1}: {range_in_words(change, points)}, {size_in_words(change.size)} "
        f"({interval_in_words(change.low, change.high)}), confidence {sure}"
        + ("" if accepted is None else f", accepted ({accepted})")
    )
