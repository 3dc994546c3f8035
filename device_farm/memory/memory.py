"""`Memory`: what a store remembers of measurements. On the same database as the leases, in tables of its own."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import insert, literal_column, select, update

from ontarget.device_farm.database import Database, open_database
from ontarget.device_farm.errors import NoSuchAcceptance
from ontarget.device_farm.memory.acceptance import Acceptance
from ontarget.device_farm.memory.rows import (
    Kind,
    comparison_values,
    identity_of,
    insert_new,
    naming,
    pack_differences,
    subject_id,
)
from ontarget.device_farm.memory.schema import acceptances, audit, comparisons, durations, evidence, runs, subjects
from ontarget.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from ontarget.device_farm.memory.codec import Measured
    from ontarget.device_farm.memory.export import Rows, Wanted
    from ontarget.device_farm.memory.learning import Learned
    from ontarget.device_farm.memory.outlook import Outlook
    from ontarget.device_farm.memory.pruning import Policy, Pruned
    from ontarget.device_farm.memory.series import Point
    from ontarget.harness.metrics.comparison import Comparison
    from ontarget.harness.metrics.identity import Identity
    from ontarget.harness.results import CheckRecord, RunResults

TestAndModel = tuple[str, str]
Series = tuple[str, str, str]
"""A test's id, a device's name, a check."""


def new_run() -> str:
    """A name for a run."""
    return secrets.token_hex(16)


class Memory:
    """Results of all runs on a store. Every method may raise StoreFailed. May be used by several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, address: str) -> Self:
        """Open the store of an inventory; an SQLite file is made. Raises UnsupportedStore, StoreFailed, NewerSchema."""
        return cls(open_database(address))

    @property
    def name(self) -> str:
        """The store's, for people."""
        return self._database.name

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> float:
        """The store's time, in seconds since 1970."""
        with self._database.reading() as connection:
            return self._now(connection)

    # Runs and what they measure

    def begin_run(
        self,
        *,
        commit: str | None,
        purpose: str,
        started: float,
        run: str | None = None,
        branch: str | None = None,
        baseline_commit: str | None = None,
    ) -> str:
        """Make a run known and return its id; harmless for one that is known. `started`: seconds since 1970."""
        name = run or new_run()
        values = {
            "id": name,
            "commit": commit,
            "branch": branch,
            "baseline_commit": baseline_commit,
            "purpose": purpose,
            "version": VERSION,
            "started": started,
        }
        with self._database.writing() as connection:
            insert_new(connection, runs, values)
        return name

    def finish_run(self, run: str, tests: Iterable[tuple[str, str, str, float]] = ()) -> None:
        """Say that a run has ended, and how long each of its tests took: (test id, model, device, seconds)."""
        with self._database.writing() as connection:
            now = self._now(connection)
            connection.execute(update(runs).where(runs.c.id == run).values(finished=now))
            for test, model, device, seconds in tests:
                self._took(connection, now, test, model, device, seconds)

    def keep_results(self, run: str, found: "RunResults") -> None:
        """Keep all that a run found, and what it comes to; harmless for one of which that is kept."""
        from ontarget.device_farm.memory.rollup import keep

        with self._database.writing() as connection:
            keep(connection, run, self._now(connection), found)

    def record(
        self,
        run: str,
        identity: "Identity",
        comparison: "Comparison",
        record: "CheckRecord",
        *,
        kind: Kind = Kind.COMPARE,
        accepted: int | None = None,
    ) -> int:
        """Keep a comparison with all its samples, and return its number. The run must have begun.

        All of it is kept or, if the store fails or this process dies, nothing.
        """
        from ontarget.device_farm.memory.codec import Measured, encode
        from ontarget.device_farm.memory.rollup import note_conditions

        samples = encode(Measured.of(comparison))
        values = comparison_values(comparison, record)
        with self._database.writing() as connection:
            subject = subject_id(connection, identity)
            values |= {"subject": subject, "run": run, "kind": str(kind), "accepted": accepted}
            made = insert(comparisons).values(**values, at=self._database.now).returning(comparisons.c.id)
            number = int(connection.execute(made).scalar_one())
            differences = pack_differences(comparison.differences())
            connection.execute(insert(evidence).values(comparison=number, differences=differences, samples=samples))
            if comparison.pairs:
                note_conditions(connection, identity.device, self._now(connection), comparison.pairs[-1].after)
        return number

    # What is learnt from them

    def differences(self, identity: "Identity") -> "Learned":
        """Log ratios candidate/baseline of identical builds under this identity, learnt from earlier comparisons."""
        from ontarget.device_farm.memory.learning import read_learned

        with self._database.reading() as connection:
            return read_learned(connection, identity)

    def series(self, test: str, device: str, check: str, *, in_ratio: bool | None = None) -> "list[Point]":
        """The test's commits on one device, in the order of their first measurement; see `series.Point`."""
        from ontarget.device_farm.memory.series import read_series

        with self._database.reading() as connection:
            return read_series(connection, test, device, check, in_ratio=in_ratio)

    def levels(self, identity: "Identity", reference: str) -> "NDArray[np.float64]":
        """The log ratios of earlier sessions to this reference kernel since the last accepted commit, oldest first."""
        from ontarget.device_farm.memory.series import read_levels

        with self._database.reading() as connection:
            return read_levels(connection, identity, reference)

    def known_series(self, test: str | None = None) -> list[Series]:
        """All series (of one test), by name."""
        columns = subjects.c.test, subjects.c.device, subjects.c.metric
        query = select(*columns).distinct().order_by(*columns)
        with self._database.reading() as connection:
            rows = connection.execute(query if test is None else query.where(subjects.c.test == test)).all()
        return [(row.test, row.device, row.metric) for row in rows]

    def subjects(self, tests: Sequence[str]) -> "list[Identity]":
        """All that these tests were measured as."""
        query = select(subjects).where(subjects.c.test.in_(tests)).order_by(subjects.c.id)
        with self._database.reading() as connection:
            return [identity_of(row) for row in connection.execute(query).all()]

    def tests(self) -> list[str]:
        """The ids of all tests of which there are comparisons."""
        with self._database.reading() as connection:
            return list(connection.execute(select(subjects.c.test).distinct().order_by(subjects.c.test)).scalars())

    def commit_of(self, digest: str) -> str | None:
        """The commit that a build was last measured as the candidate of."""
        query = (
            select(runs.c.commit)
            .join(comparisons, comparisons.c.run == runs.c.id)
            .where(comparisons.c.candidate == digest, runs.c.commit.is_not(None))
            .order_by(comparisons.c.at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            found: str | None = connection.execute(query).scalar()
        return found

    def measured(self, number: int) -> "Measured | None":
        """The samples of a comparison, None once they are pruned. Raises CorruptSamples, naming run and test."""
        from ontarget.device_farm.memory.codec import decode

        query = (
            select(evidence.c.samples, comparisons.c.run, subjects.c.test, subjects.c.device)
            .join(comparisons, comparisons.c.id == evidence.c.comparison)
            .join(subjects, subjects.c.id == comparisons.c.subject)
            .where(evidence.c.comparison == number)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None or row.samples is None:
            return None
        with naming(number, row.run, row.test, row.device):
            return decode(row.samples)

    # How long tests take

    def durations(self) -> Mapping[TestAndModel, float]:
        """The seconds that a test is expected to take on a device of a model."""
        with self._database.reading() as connection:
            rows = connection.execute(select(durations.c.test, durations.c.model, durations.c.seconds)).all()
        return {(row.test, row.model): row.seconds for row in rows}

    def last_units(self) -> Mapping[TestAndModel, str]:
        """The device of a model that a test ran on last."""
        with self._database.reading() as connection:
            rows = connection.execute(select(durations.c.test, durations.c.model, durations.c.device)).all()
        return {(row.test, row.model): row.device for row in rows}

    def outlook(self) -> "Outlook":
        """What is known of tests to come: durations, when they ran last, which failed lately."""
        from ontarget.device_farm.memory.outlook import read_outlook

        with self._database.reading() as connection:
            return read_outlook(connection, self._now(connection))

    # Slow-downs that are meant

    def accept(self, wanted: Acceptance) -> Acceptance:
        """Keep an acceptance (its `id` and `made` are the store's to give), and note it in the audit log."""
        names = ("test", "metric", "device", "model", "commit", "reason", "author", "until")
        values = {name: getattr(wanted, name) for name in names}
        with self._database.writing() as connection:
            now = self._now(connection)
            made = insert(acceptances).values(**values, made=now).returning(acceptances.c.id)
            kept = Acceptance(id=int(connection.execute(made).scalar_one()), made=now, **values)
            self._note(connection, now, wanted.author, "accept", kept.to_json())
        return kept

    def withdraw(self, number: int, author: str, why: str) -> Acceptance:
        """End an acceptance now, and note it in the audit log. Raises NoSuchAcceptance."""
        with self._database.writing() as connection:
            now = self._now(connection)
            values = {"withdrawn": now, "withdrawn_by": author, "withdrawn_why": why}
            named = acceptances.c.id == number, acceptances.c.withdrawn.is_(None)
            if not connection.execute(update(acceptances).where(*named).values(values)).rowcount:
                raise NoSuchAcceptance(
                    f"expected the number of an acceptance that is in force, found {number}: "
                    "see `ontarget accept --list`"
                )
            row = connection.execute(select(acceptances).where(acceptances.c.id == number)).one()
            ended = Acceptance(**row._mapping)
            self._note(connection, now, author, "withdraw", ended.to_json())
        return ended

    def acceptances(self, *, over: bool = False) -> Sequence[Acceptance]:
        """Those in force, the oldest first; with those that are `over` if asked for."""
        query = select(acceptances).order_by(acceptances.c.id)
        with self._database.reading() as connection:
            now = self._now(connection)
            found = [Acceptance(**row._mapping) for row in connection.execute(query).all()]
        return [acceptance for acceptance in found if over or acceptance.in_force(now)]

    # The size of it all

    def prune(self, policy: "Policy", *, author: str, only_look: bool = False) -> "Pruned":
        """Let the samples go that nothing rests on, and note it in the audit log; see `pruning`."""
        from ontarget.device_farm.memory.pruning import prune

        now = self.now()
        done = prune(self._database, policy, now, only_look=only_look)
        if done.comparisons and not only_look:
            with self._database.writing() as connection:
                self._note(connection, now, author, "prune", {**vars(policy), **vars(done)})
        return done

    def export(self, path: "Path", rows: "Rows", wanted: "Wanted", skipped: "Callable[[str], None]") -> int:
        """Write what is remembered to a file for other tools; see `export.export`."""
        from ontarget.device_farm.memory.export import export

        return export(self._database, path, rows, wanted, skipped)

    def audit(self) -> list[dict[str, Any]]:
        """What was decided by whom, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(audit).order_by(audit.c.id)).all()
        return [{**row._mapping, "detail": json.loads(row.detail)} for row in rows]

    def _note(self, connection: "Connection", at: float, author: str, action: str, detail: Mapping[str, Any]) -> None:
        role = None if self._database.is_sqlite else connection.execute(select(literal_column("current_user"))).scalar()
        values = {"at": at, "author": author, "role": role, "action": action, "detail": json.dumps(detail)}
        connection.execute(insert(audit).values(values))

    @staticmethod
    def _took(connection: "Connection", now: float, test: str, model: str, device: str, seconds: float) -> None:
        """Half of the expectation is the latest run: one odd day is forgotten soon, and a change is learnt soon."""
        named = durations.c.test == test, durations.c.model == model
        before = connection.execute(select(durations.c.seconds).where(*named)).scalar()
        if before is None:
            values = {"test": test, "model": model, "device": device, "seconds": seconds, "at": now}
            insert_new(connection, durations, values)
            return
        values = {"device": device, "seconds": (before + seconds) / 2, "at": now}
        connection.execute(update(durations).where(*named).values(values))

    def _now(self, connection: "Connection") -> float:
        return float(connection.execute(select(self._database.now)).scalar_one())
