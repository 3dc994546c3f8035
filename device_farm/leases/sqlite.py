"""What is particular to SQLite: how transactions begin, what the time is, how to see that another process wrote."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Engine, Float, create_engine, event, literal_column, text
from sqlalchemy.engine import URL

from ontarget.device_farm.errors import StoreFailed

BUSY_SECONDS = 20.0
_GLANCE = 0.02  # seconds between two looks at PRAGMA data_version, which costs some microseconds and takes no lock


class SqliteBackend:
    """A store in one file, for the processes of one machine.

    `now` is the SQL text of the time in seconds since 1970; `prepare` is called on each new connection (tests bring a
    clock of their own with these two).
    """

    # 'now' has milliseconds, and stands still within one statement
    NOW = "(julianday('now') - 2440587.5) * 86400.0"

    def __init__(
        self, path: Path, *, now: str = NOW, prepare: Callable[[sqlite3.Connection], None] | None = None
    ) -> None:
        self.name = str(path)
        self.now: ColumnElement[float] = literal_column(now, Float)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFailed(f"cannot make the folder of the store {path}: {error.strerror}") from error
        self.engine: Engine = create_engine(
            URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
        )

        def connected(connection: sqlite3.Connection, _record: object) -> None:
            connection.isolation_level = None  # else the driver begins transactions by guesswork
            _set_wal(connection)
            # a token that a power cut takes back would be given out twice
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if prepare is not None:
                prepare(connection)

        event.listen(self.engine, "connect", connected)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store and changes nothing."""
        with self.engine.connect() as connection:
            connection.execute(_BEGIN)
            yield connection  # closing takes back what is not committed

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that has the store to itself; kept if the block ends well, else as if it had not been."""
        with self.engine.connect() as connection:
            connection.execute(_BEGIN_IMMEDIATE)
            yield connection
            connection.execute(_COMMIT)

    @contextmanager
    def watch(self, mark: Callable[[Connection], int]) -> Iterator[Callable[[float], None]]:
        """Return a function that waits, that many seconds at most, until `mark` has changed since its last call."""
        with self.engine.connect() as connection:
            version = connection.execute(_DATA_VERSION).scalar_one()
            seen = mark(connection)

            def changed(seconds: float) -> None:
                nonlocal version, seen
                end = time.monotonic() + seconds
                while True:
                    now = connection.execute(_DATA_VERSION).scalar_one()
                    if now != version:
                        version = now
                        before, seen = seen, mark(connection)
                        if seen != before:
                            return
                    left = end - time.monotonic()
                    if left <= 0:
                        return
                    time.sleep(min(_GLANCE, left))

            yield changed


_BEGIN = text("BEGIN")
_BEGIN_IMMEDIATE = text("BEGIN IMMEDIATE")
_COMMIT = text("COMMIT")
_DATA_VERSION = text("PRAGMA data_version")


def _set_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; the busy time-out does not cover the switch when several processes do it first."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_GLANCE)
        else:
            return
