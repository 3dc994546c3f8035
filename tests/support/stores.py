"""Lease stores for tests: each kind with a clock of its own that the test sets."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from ontarget.device_farm.database import Database, open_database, schema
from ontarget.device_farm.database.opening import connect
from ontarget.device_farm.database.sqlite import sqlite_database
from ontarget.device_farm.leases.fake import FakeStore
from ontarget.device_farm.leases.sql import SqlLeaseStore
from ontarget.device_farm.leases.store import LeaseStore, Registration
from support.postgresql import database

START = 1_800_000_000.0
KINDS = ("sqlite", "postgresql", "fake")
Open = Callable[[Path, "StoreClock"], LeaseStore]


class StoreClock:
    """Seconds since 1970, as the store is told."""

    def __init__(self) -> None:
        self._now = START
        self.tell: Callable[[float], None] = lambda _now: None

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, value: float) -> None:
        self._now = value
        self.tell(value)


@contextmanager
def opening(kind: str, request: pytest.FixtureRequest) -> Iterator[Open]:
    """How stores of a kind are opened: one folder twice is one store."""
    if kind == "sqlite":
        yield _sqlite
    elif kind == "fake":
        kept: dict[Path, FakeStore] = {}
        yield lambda folder, clock: kept.setdefault(folder, FakeStore(lambda: clock.now))
    else:
        clocked: ClockedPostgresql = request.getfixturevalue("clocked_postgresql")
        yield clocked.open


def _sqlite(folder: Path, clock: StoreClock) -> LeaseStore:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.create_function("test_now", 0, lambda: clock.now)

    made = sqlite_database(folder / "farm.db", now="test_now()", prepare=prepare)
    schema.bring_up(made)
    return SqlLeaseStore(made)


class ClockedPostgresql:
    """One database, emptied whenever another folder is opened: to make one takes long."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._folder: Path | None = None
        self._side: Database = connect(address)
        schema.bring_up(self._side)
        with self._side.writing() as connection:
            connection.execute(text("CREATE TABLE test_clock (now double precision)"))
            connection.execute(text("INSERT INTO test_clock VALUES (0)"))
            connection.execute(
                text(
                    "CREATE OR REPLACE FUNCTION ontarget_now() RETURNS double precision LANGUAGE sql VOLATILE "
                    "AS 'SELECT now FROM public.test_clock'"
                )
            )

    def close(self) -> None:
        self._side.close()

    def open(self, folder: Path, clock: StoreClock) -> LeaseStore:
        if folder != self._folder:
            self._folder = folder
            with self._side.writing() as connection:
                connection.execute(text("DELETE FROM waiter; DELETE FROM pool; DELETE FROM lease; DELETE FROM device"))
                connection.execute(text("DELETE FROM transition"))
                again = "UPDATE ontarget_store SET token = 0, place = 0, store_id = md5(random()::text)"
                connection.execute(text(again))
        clock.tell = self._tell
        self._tell(clock.now)
        return SqlLeaseStore(open_database(self._address))

    def _tell(self, now: float) -> None:
        with self._side.writing() as connection:
            connection.execute(text("UPDATE test_clock SET now = :now"), {"now": now})


@pytest.fixture(scope="session")
def clocked_postgresql(postgresql_server: URL) -> Iterator[ClockedPostgresql]:
    with database(postgresql_server) as address:
        made = ClockedPostgresql(address)
        yield made
        made.close()


def known(store: LeaseStore, *names: str) -> None:
    store.register([Registration(name, "local", "local") for name in names])
