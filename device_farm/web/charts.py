"""What the charts of the pages draw, as plain values for their script."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ontarget.device_farm.cli.wording import change_in_words, creep_in_words, name_of
from ontarget.device_farm.memory.analysis import changes, creeping, starts
from ontarget.device_farm.memory.memory import Memory, Series
from ontarget.device_farm.memory.overview import Measured, Overview
from ontarget.device_farm.memory.series import Point
from ontarget.device_farm.times import rfc3339
from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.pairs import LaunchPair
from ontarget.harness.results import Verdict
from ontarget.harness.statistics.rules import TARGET

Link = Callable[[str | None], str]
"""The address of a commit's or a run's page, "" for none."""


def history(points: Sequence[Point], commit: Link, run: Link) -> dict[str, Any]:
    """A series with its levels and changes: `levels` are (first index, index after the last, median level)."""
    found = changes(points)
    begins = starts(points, found) if points else []
    ends = [*begins[1:], len(points)] if points else []
    creep = creeping(points, found, TARGET)
    return {
        "unit": points[-1].unit if points else "s",
        "points": [_point(point, commit, run) for point in points],
        "levels": [
            [begin, end, float(np.median([point.level for point in points[begin:end]]))]
            for begin, end in zip(begins, ends, strict=True)
        ],
        "changes": [
            {"index": change.index, "size": change.size, "words": change_in_words(change, points)} for change in found
        ],
        "creep": None if creep is None else creep_in_words(creep, points),
    }


def _point(point: Point, commit: Link, run: Link) -> dict[str, Any]:
    told = {
        "name": name_of(point),
        "commit": point.commit,
        "at": rfc3339(point.at),
        "level": float(f"{point.level:.6g}"),
        "effect": point.effect,
        "low": point.low,
        "high": point.high,
        "answer": str(point.answer),
        "because": point.because,
        "link": commit(point.commit),
        "run": run(point.run),
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def pairs(measured: Measured, verdict: Verdict | None, memory: Memory) -> dict[str, Any]:
    """The pairs' differences in measuring order, with what the device was doing where samples are kept."""
    low, high = (None, None) if verdict is None else verdict.interval
    samples = memory.measured(measured.number) if measured.sampled else None
    sound = [] if samples is None else [pair for pair in samples.pairs if pair.flaw is None]
    return {
        "differences": measured.differences,
        "effect": None if verdict is None else verdict.effect,
        "low": low,
        "high": high,
        "conditions": [conditions_in_words(pair) for pair in sound],
    }


def conditions_in_words(pair: LaunchPair) -> str:
    """ "1800 MHz, 52 °C, throttled"; "" where the device told nothing."""
    seen: Conditions = pair.after
    said = [
        "" if seen.cpu_mhz is None else f"{seen.cpu_mhz:.0f} MHz",
        "" if seen.temperature_c is None else f"{seen.temperature_c:.0f} °C",
        "throttled" if seen.throttled else "",
    ]
    return ", ".join(filter(None, said))


class Histories:
    """Series as charts, kept until they change: to find the levels of a thousand commits takes a while."""

    def __init__(self, memory: Memory, overview: Overview, commit: Link, run: Link, most: int = 256) -> None:
        self._memory = memory
        self._overview = overview
        self._links = commit, run
        self._most = most
        self._kept: dict[Series, tuple[object, dict[str, Any]]] = {}

    def of(self, series: Series) -> dict[str, Any]:
        """Raises StoreFailed. A series that is not known has no points."""
        # an acceptance begins a level, too
        version = self._overview.version_of(*series)
        kept = self._kept.get(series)
        if kept is not None and kept[0] == version:
            return kept[1]
        made = history(self._memory.series(*series), *self._links)
        while len(self._kept) >= self._most:
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[series] = (version, made)
        return made
