"""What pages and metrics ask a store: runs with their totals, a device's record, what was measured last. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select

from ontarget.device_farm.database import Database
from ontarget.device_farm.errors import NoSuchRun
from ontarget.device_farm.leases.schema import leases, members, transitions, waiters, wants
from ontarget.device_farm.leases.store import WAITER_TTL, DeviceState
from ontarget.device_farm.memory.rollup import unpack
from ontarget.device_farm.memory.rows import unpack_differences
from ontarget.device_farm.memory.schema import (
    acceptances,
    comparisons,
    conditions,
    device_runs,
    evidence,
    results,
    runs,
    subjects,
    totals,
)

FAULTS: Final = (DeviceState.QUARANTINED, DeviceState.OFFLINE, DeviceState.MAINTENANCE)
WINDOW: Final = 3600.0
"""Seconds over which utilisation and waits are told."""
_LIKE_ESCAPES: Final = str.maketrans({"%": "\\%", "_": "\\_", "\\": "\\\\"})


@dataclass(frozen=True)
class RunRow:
    """A run in a list; times are seconds since 1970. `totals` counts checks by model and outcome.

    Of a run that has not ended only the comparisons are counted.
    """

    id: str
    commit: str | None
    branch: str | None
    baseline_commit: str | None
    purpose: str
    started: float
    finished: float | None
    totals: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[str, int]:
        """Checks by outcome."""
        found: dict[str, int] = {}
        for of_model in self.totals.values():
            for outcome, count in of_model.items():
                found[outcome] = found.get(outcome, 0) + count
        return found


@dataclass(frozen=True)
class Place:
    """Somebody who waits for a device: since when (seconds since 1970), who, what for."""

    since: float | None
    owner: str
    purpose: str
    devices: frozenset[str]


@dataclass(frozen=True)
class LastSeen:
    """What a device was doing when it was last measured, `at` (seconds since 1970)."""

    at: float
    temperature_c: float | None
    cpu_mhz: float | None
    throttled: bool | None


@dataclass(frozen=True)
class Measured:
    """A comparison's number, its pairs' differences (logs, in measuring order), and whether samples are kept."""

    number: int
    differences: Sequence[float]
    sampled: bool


class Overview:
    """Questions that all read few rows. Every method may raise StoreFailed. May be used by several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def name(self) -> str:
        return self._database.name

    def now(self) -> float:
        with self._database.reading() as connection:
            return float(connection.execute(select(self._database.now)).scalar_one())

    # Runs

    def runs(self, *, newest: int, skip: int = 0, words: str = "") -> list[RunRow]:
        """The newest runs first; `words` begin their commit or are in their branch."""
        query = select(runs).order_by(runs.c.started.desc(), runs.c.id).limit(newest).offset(skip)
        if words:
            like = words.translate(_LIKE_ESCAPES)
            named = runs.c.commit.like(f"{like}%", escape="\\"), runs.c.branch.like(f"%{like}%", escape="\\")
            query = query.where(or_(*named, runs.c.id == words))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            counted = _totals(connection, [row.id for row in rows])
        return [_run(row, counted.get(row.id, {})) for row in rows]

    def run(self, words: str) -> RunRow:
        """The run of this id, or the newest whose id or commit begins so. Raises NoSuchRun."""
        like = f"{words.translate(_LIKE_ESCAPES)}%"
        query = select(runs).order_by(runs.c.started.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query.where(runs.c.id == words)).first()
            if row is None and words:
                named = or_(runs.c.id.like(like, escape="\\"), runs.c.commit.like(like, escape="\\"))
                row = connection.execute(query.where(named)).first()
            if row is None:
                raise NoSuchRun(
                    f"{self.name} knows no run {words!r}: name a run's id or its commit, or their beginning"
                )
            return _run(row, _totals(connection, [row.id]).get(row.id, {}))

    def results(self, run: str) -> Mapping[str, Any] | None:
        """All that a run found, as `ontarget-results.json` has it; None of one that has not ended or is older."""
        with self._database.reading() as connection:
            packed = connection.execute(select(results.c.results).where(results.c.run == run)).scalar()
        return None if packed is None else unpack(packed, run)

    def comparisons(self, run: str) -> list[Any]:
        """The rows of a run's comparisons, with test, device, model and metric, in the order of their tests."""
        query = (
            select(comparisons, subjects.c.test, subjects.c.device, subjects.c.model, subjects.c.metric)
            .join(subjects, subjects.c.id == comparisons.c.subject)
            .where(comparisons.c.run == run)
            .order_by(subjects.c.test, subjects.c.device, comparisons.c.id)
        )
        with self._database.reading() as connection:
            return list(connection.execute(query).all())

    def measured(self, run: str, test: str, device: str, check: str) -> Measured | None:
        """What a check of a run was judged by, the last time that it was made."""
        query = (
            select(evidence.c.comparison, evidence.c.differences, evidence.c.samples.is_not(None).label("sampled"))
            .join(comparisons, comparisons.c.id == evidence.c.comparison)
            .where(comparisons.c.subject.in_(_subjects(test, device, check)), comparisons.c.run == run)
            .order_by(comparisons.c.at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Measured(row.comparison, unpack_differences(row.differences).tolist(), bool(row.sampled))

    def version_of(self, test: str, device: str, check: str) -> tuple[int, int, int, int]:
        """What changes when a series does: its comparisons and the last of them, and what is accepted."""
        mine = comparisons.c.subject.in_(_subjects(test, device, check))
        last = select(func.count(), func.coalesce(func.max(comparisons.c.id), 0)).where(mine)
        meant = select(func.count(), func.count(acceptances.c.withdrawn))
        with self._database.reading() as connection:
            count, newest = connection.execute(last).one()
            made, withdrawn = connection.execute(meant).one()
        return count, newest, made, withdrawn

    def tests(self, words: str = "") -> list[Any]:
        """Test, model, device and metric of all series, those whose test has `words` in its id, in order."""
        columns = subjects.c.test, subjects.c.model, subjects.c.device, subjects.c.metric
        query = select(*columns).distinct().order_by(*columns)
        for word in words.split():
            query = query.where(subjects.c.test.like(f"%{word.translate(_LIKE_ESCAPES)}%", escape="\\"))
        with self._database.reading() as connection:
            return list(connection.execute(query).all())

    # Devices

    def queue(self) -> list[Place]:
        """Who waits, the next first."""
        places = (
            select(waiters.c.ticket_hash, waiters.c.since, waiters.c.owner, waiters.c.purpose)
            .where(waiters.c.seen > self._database.now - WAITER_TTL)
            .order_by(waiters.c.urgency, waiters.c.place)
        )
        with self._database.reading() as connection:
            # the column is a secret's digest, which PostgreSQL lets everybody read, and which goes no further
            found = connection.execute(places).all()
            tickets = [row.ticket_hash for row in found]
            query = select(wants.c.ticket_hash, members.c.device).join(members, members.c.pool == wants.c.pool)
            wanted: dict[str, set[str]] = {}
            for ticket, device in connection.execute(query.where(wants.c.ticket_hash.in_(tickets))):
                wanted.setdefault(ticket, set()).add(device)
        return [Place(row.since, row.owner, row.purpose, frozenset(wanted.get(row.ticket_hash, ()))) for row in found]

    def last_seen(self) -> Mapping[str, LastSeen]:
        """What each device was doing when it was last measured."""
        with self._database.reading() as connection:
            rows = connection.execute(select(conditions)).all()
        return {row.device: LastSeen(row.at, row.temperature_c, row.cpu_mhz, row.throttled) for row in rows}

    def faults(self, device: str, *, newest: int) -> list[Any]:
        """When a device was taken out of use, and why: rows of the audit log, the newest first."""
        query = (
            select(transitions)
            .where(transitions.c.device == device, transitions.c.state.not_in(("available", "leased")))
            .order_by(transitions.c.at.desc())
            .limit(newest)
        )
        with self._database.reading() as connection:
            return list(connection.execute(query).all())

    def device_runs(self, device: str, *, newest: int) -> list[Any]:
        """What runs said of a device: noise, faults, flawed pairs; the oldest first."""
        query = (
            select(device_runs, runs.c.commit)
            .join(runs, runs.c.id == device_runs.c.run)
            .where(device_runs.c.device == device)
            .order_by(device_runs.c.at.desc())
            .limit(newest)
        )
        with self._database.reading() as connection:
            return list(reversed(connection.execute(query).all()))

    # Metrics

    def fault_counts(self) -> Mapping[tuple[str, str], int]:
        """How often each device was taken out of use, by device and state."""
        query = (
            select(transitions.c.device, transitions.c.state, func.count())
            .where(transitions.c.state.not_in(("available", "leased")))
            .group_by(transitions.c.device, transitions.c.state)
        )
        with self._database.reading() as connection:
            return {(device, state): count for device, state, count in connection.execute(query)}

    def infra_counts(self) -> Mapping[str, int]:
        """How many checks failed for each device's, its host's or its network's sake."""
        query = select(device_runs.c.device, func.sum(device_runs.c.infra)).group_by(device_runs.c.device)
        with self._database.reading() as connection:
            return {device: int(count) for device, count in connection.execute(query)}

    def verdict_counts(self) -> Mapping[tuple[str, str], int]:
        """How many checks came out how, by model and outcome."""
        query = select(totals.c.model, totals.c.outcome, func.sum(totals.c.count)).group_by(
            totals.c.model, totals.c.outcome
        )
        with self._database.reading() as connection:
            return {(model, outcome): int(count) for model, outcome, count in connection.execute(query)}

    def use(self) -> tuple[Mapping[str, float], list[float]]:
        """The share of the last `WINDOW` seconds that each device was held, and how long those waited who got one."""
        query = select(leases.c.device, leases.c.granted, leases.c.expires, leases.c.ended, leases.c.waited)
        with self._database.reading() as connection:
            now = float(connection.execute(select(self._database.now)).scalar_one())
            since = now - WINDOW
            recent = query.where(or_(leases.c.ended.is_(None), leases.c.ended > since))
            rows = connection.execute(recent).all()
        held: dict[str, float] = {}
        waited = []
        for row in rows:
            end = min(now, row.expires if row.ended is None else row.ended)
            seconds = max(0.0, end - max(since, row.granted))
            held[row.device] = held.get(row.device, 0.0) + seconds / WINDOW
            if row.granted > since and row.waited is not None:
                waited.append(float(row.waited))
        return held, waited


def _subjects(test: str, device: str, check: str) -> Any:
    return select(subjects.c.id).where(subjects.c.test == test, subjects.c.device == device, subjects.c.metric == check)


def _run(row: Any, counted: Mapping[str, Mapping[str, int]]) -> RunRow:
    return RunRow(row.id, row.commit, row.branch, row.baseline_commit, row.purpose, row.started, row.finished, counted)


def _totals(connection: Connection, wanted: Sequence[str]) -> dict[str, dict[str, dict[str, int]]]:
    """By run, model and outcome. Runs that have not ended are counted by their comparisons."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    kept = select(totals.c.run, totals.c.model, totals.c.outcome, totals.c.count).where(totals.c.run.in_(wanted))
    for run, model, outcome, count in connection.execute(kept):
        found.setdefault(run, {}).setdefault(model, {})[outcome] = count
    left = [run for run in wanted if run not in found]
    live = (
        select(comparisons.c.run, subjects.c.model, comparisons.c.outcome, func.count())
        .join(subjects, subjects.c.id == comparisons.c.subject)
        .where(comparisons.c.run.in_(left))
        .group_by(comparisons.c.run, subjects.c.model, comparisons.c.outcome)
    )
    for run, model, outcome, count in connection.execute(live) if left else ():
        found.setdefault(run, {}).setdefault(model, {})[outcome] = count
    return found
