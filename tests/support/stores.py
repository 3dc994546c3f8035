"""Lease stores for tests: each kind with a clock of its own that the test sets."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ontarget.device_farm.leases.sql import SqlLeaseStore
from ontarget.device_farm.leases.sqlite import SqliteBackend
from ontarget.device_farm.leases.store import LeaseStore, Registration

START = 1_800_000_000.0


@dataclass
class StoreClock:
    """Seconds since 1970, as the store is told."""

    now: float = START


def sqlite_store(folder: Path, clock: StoreClock) -> LeaseStore:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.create_function("test_now", 0, lambda: clock.now)

    return SqlLeaseStore(SqliteBackend(folder / "farm.db", now="test_now()", prepare=prepare))


STORES: dict[str, Callable[[Path, StoreClock], LeaseStore]] = {"sqlite": sqlite_store}
"""Every kind of store: what keeps the contract is added here. Opening one folder twice opens one store."""


def known(store: LeaseStore, *names: str) -> None:
    store.register([Registration(name, "local", "local") for name in names])
