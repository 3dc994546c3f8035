"""A test over commits on one device: a point for each build that was measured, in the order of their first day."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import exp, log, log1p, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from ontarget.device_farm.memory.acceptance import Acceptance, same_commit
from ontarget.device_farm.memory.levels import Sighting, solve
from ontarget.device_farm.memory.rows import Kind, identity_of, subject_values
from ontarget.device_farm.memory.schema import acceptances, comparisons, runs, subjects
from ontarget.device_farm.times import rfc3339
from ontarget.harness.metrics.identity import Identity, unlike
from ontarget.harness.outcomes import Answer

RATIO: Final = "ratio"
"""The unit of levels that are ratios to the reference kernel's time for one turn."""
_FEWEST_FOR_RATIO: Final = 0.5
_MOST_LEVELS: Final = 300
_SUMMARY: Final = (
    comparisons.c.subject,
    comparisons.c.run,
    comparisons.c.at,
    comparisons.c.kind,
    comparisons.c.candidate,
    comparisons.c.baseline,
    comparisons.c.answer,
    comparisons.c.accepted,
    comparisons.c.effect,
    comparisons.c.low,
    comparisons.c.high,
    comparisons.c.pairs,
    comparisons.c.unit,
    comparisons.c.level,
    comparisons.c.spread,
    comparisons.c.ratio,
    comparisons.c.reference,
    runs.c.commit,
    runs.c.baseline_commit,
)


@dataclass(frozen=True)
class Point:
    """One commit of a series. `at` is when it was first measured (seconds since 1970), `run` the last that did.

    `level` is how long a call takes, in `unit`: "s", "instructions", or "ratio" (to a turn of the reference kernel);
    see `levels` for what it is made of. `effect` (a ratio - 1), its ends and `answer` are against the build that it
    was last compared with. `history` counts the stretches of like conditions from 0; `because` says what changed where
    a new one begins. `accepted` is the number of the acceptance that it is meant by: a new level begins.
    """

    commit: str | None
    candidate: str | None
    baseline: str | None
    at: float
    run: str
    level: float
    unit: str
    spread: float | None
    effect: float | None
    low: float | None
    high: float | None
    answer: Answer
    accepted: int | None = None
    history: int = 0
    because: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "at": rfc3339(self.at), "answer": str(self.answer)}


def read_series(
    connection: Connection, test: str, device: str, metric: str, *, in_ratio: bool | None = None
) -> list[Point]:
    """The series of one check of one test on one device; `in_ratio` as in `points`."""
    named = subjects.c.test == test, subjects.c.device == device, subjects.c.metric == metric
    subject_rows = connection.execute(select(subjects).where(*named)).all()
    identities = {row.id: identity_of(row) for row in subject_rows}
    query = select(*_SUMMARY).join(runs, runs.c.id == comparisons.c.run).order_by(comparisons.c.at)
    rows = connection.execute(query.where(comparisons.c.subject.in_(identities))).all()
    histories = list(dict.fromkeys(row.subject for row in rows))
    meant = _accepted(connection)
    found: list[Point] = []
    for number, subject in enumerate(histories):
        why = unlike(identities[histories[number - 1]], identities[subject]) if number else None
        ours = [entry for entry in meant if entry.covers(*_named(identities[subject]))]
        stretch = points([row for row in rows if row.subject == subject], number, why, in_ratio=in_ratio)
        found += [_with_meaning(point, ours) for point in stretch] if ours else stretch
    return found


def _with_meaning(point: Point, acceptances: Sequence[Acceptance]) -> Point:
    return replace(point, accepted=point.accepted or _meant(point.commit, acceptances))


def _meant(commit: str | None, acceptances: Sequence[Acceptance]) -> int | None:
    """The acceptance of the commit itself: it may have been made after the commit was measured."""
    return next((entry.id for entry in acceptances if commit is not None and same_commit(entry.commit, commit)), None)


def _accepted(connection: Connection) -> list[Acceptance]:
    """All that was accepted and not withdrawn; levels stay where an acceptance has come to its end."""
    query = select(acceptances).where(acceptances.c.withdrawn.is_(None))
    return [Acceptance(**row._mapping) for row in connection.execute(query).all()]


def _named(identity: Identity) -> tuple[str, str, str, str]:
    return identity.test, identity.check, identity.device, identity.model


def read_levels(connection: Connection, identity: Identity, reference: str) -> NDArray[np.float64]:
    """The levels of sessions under this identity, as log ratios to this reference kernel, oldest first, 300 at most.

    What came before a commit that was accepted is left out: it began a new level.
    """
    key = subject_values(identity)["key"]
    query = (
        select(comparisons.c.ratio, comparisons.c.accepted, runs.c.commit)
        .join(subjects, subjects.c.id == comparisons.c.subject)
        .join(runs, runs.c.id == comparisons.c.run)
        .where(subjects.c.key == key, comparisons.c.ratio.is_not(None), comparisons.c.reference == reference)
        .where(comparisons.c.kind != str(Kind.BISECT))
        .order_by(comparisons.c.at.desc())
        .limit(_MOST_LEVELS)
    )
    rows = list(reversed(connection.execute(query).all()))
    meant = [entry for entry in _accepted(connection) if entry.covers(*_named(identity))]
    under = [row.accepted or _meant(row.commit, meant) for row in rows]
    latest = next((number for number in reversed(under) if number is not None), None)
    begin = 0 if latest is None else under.index(latest)
    return np.array([row.ratio for row in rows[begin:]], dtype=np.float64)


def points(
    rows: Sequence[Any], history: int = 0, because: str | None = None, *, in_ratio: bool | None = None
) -> list[Point]:
    """The points of one history from its comparisons, oldest first.

    Levels are ratios to the reference kernel where most comparisons have one (`in_ratio` decides where it is given).
    """
    sound = [row for row in rows if row.answer != Answer.INVALID and row.level is not None and row.level > 0]
    if not sound:
        return []
    references = [row.reference for row in sound if row.ratio is not None]
    if in_ratio is None:
        in_ratio = len(references) >= _FEWEST_FOR_RATIO * len(sound)
    kernel = references[-1] if in_ratio and references else None
    levels = solve([_sighting(row, in_ratio, kernel) for row in sound])
    seen: dict[str, list[Any]] = {}
    for row in sound:
        if row.kind != Kind.BISECT:  # it measures what is old, and would look like a new commit
            seen.setdefault(_build(row), []).append(row)
    unit = RATIO if in_ratio else sound[-1].unit
    found = [
        _point(commit_rows, exp(levels[name]), unit, history)
        for name, build_rows in seen.items()
        if name in levels
        for commit_rows in _by_commit(build_rows)
    ]
    found.sort(key=lambda point: point.at)
    return [replace(found[0], because=because), *found[1:]] if found else []


def _point(rows: Sequence[Any], level: float, unit: str, history: int) -> Point:
    last = next((row for row in reversed(rows) if row.effect is not None and row.candidate != row.baseline), rows[-1])
    return Point(
        commit=last.commit,
        candidate=last.candidate,
        baseline=last.baseline,
        at=rows[0].at,
        run=rows[-1].run,
        level=level,
        unit=unit,
        spread=last.spread,
        effect=last.effect,
        low=last.low,
        high=last.high,
        answer=Answer(last.answer),
        accepted=next((row.accepted for row in reversed(rows) if row.accepted is not None), None),
        history=history,
    )


def _by_commit(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Commits that changed nothing share a build, and have points of their own."""
    ordered = sorted(rows, key=lambda row: (row.commit or "", row.at))
    return (list(group) for _, group in groupby(ordered, key=lambda row: row.commit))


def _sighting(row: Any, in_ratio: bool, kernel: str | None) -> Sighting:
    level = log(row.level) if not in_ratio else row.ratio if row.reference == kernel else None
    if row.effect is None or row.effect <= -1 or row.baseline is None:
        return Sighting(_build(row), level)
    # a ratio is measured in pairs of its own, and is the candidate's alone
    return Sighting(_build(row), level, row.baseline, log1p(row.effect), _error(row), apart=in_ratio)


def _error(row: Any) -> float:
    """The standard error of a comparison's effect, in logarithms."""
    if row.spread is not None and row.pairs > 0:
        return 1.25 * float(row.spread) / sqrt(row.pairs)  # a median's, where values are normal
    if row.low is not None and row.high is not None and row.low > -1:
        return (log1p(row.high) - log1p(row.low)) / (2 * 1.96)
    return 0.0


def _build(row: Any) -> str:
    """What tells builds apart: their digest. A commit does not, where work trees are changed or builds never repeat."""
    return str(row.candidate or row.commit)
