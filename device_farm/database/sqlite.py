"""What is particular to SQLite: how transactions begin, what the time is, when a commit is safe."""

import os
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import Float, create_engine, event, literal_column
from sqlalchemy.engine import URL

from ontarget.device_farm.database.database import Database
from ontarget.device_farm.errors import StoreFailed
from ontarget.device_farm.locks import exclusive

BUSY_SECONDS = 20.0
NOW = "(julianday('now') - 2440587.5) * 86400.0"
"""SQL text of the time in seconds since 1970; it has milliseconds, and stands still within one statement."""
_PAUSE = 0.02


def sqlite_database(
    path: Path, *, now: str = NOW, prepare: Callable[[sqlite3.Connection], None] | None = None
) -> Database:
    """Open the file, making it if there is none. Raises StoreFailed.

    `prepare` is called on each new connection (tests bring a clock of their own with it and `now`).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFailed(f"cannot make the folder of the store {path}: {error.strerror}") from error
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=8,
        max_overflow=-1,  # a thread that writes waits for its turn, not for a connection
    )

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # else the driver begins transactions by guesswork
        _set_wal(connection)
        # a commit reaches the disk in _settle, when others may write again
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        if prepare is not None:
            prepare(connection)

    event.listen(engine, "connect", connected)
    return Database(
        name=str(path),
        engine=engine,
        now=literal_column(now, Float),
        begin_reading="BEGIN",
        begin_writing="BEGIN IMMEDIATE",
        advice="see that the file is a store of ontarget, can be written, and that its disk has room",
        # those who wait for SQLite's own lock sleep and look again; the kernel wakes the next for this one
        turn=partial(exclusive, path.with_name(f"{path.name}-turn")),
        settle=partial(_settle, Path(f"{path}-wal")),
    )


def _settle(log: Path) -> None:
    """Force the write-ahead log to the disk: a token that a power cut takes back would be given out twice.

    Done here, and not by `synchronous = FULL`, it is outside the transaction, and one wait for the disk serves all who
    committed meanwhile. SQLite holds no locks on this file, which closing it would drop.
    """
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # all of it is in the database already, which SQLite forced to the disk
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; the busy time-out does not cover the switch when several processes do it first."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return
