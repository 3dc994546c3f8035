"""A database and its two kinds of transaction, the same for SQLite and PostgreSQL."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from ontarget.device_farm.errors import NotPermitted, StoreFailed

_COMMIT = text("COMMIT")
_INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True)
class Database:
    """An open database. May be used by several threads.

    `name` is for people, without secrets. `now` is the database's own clock as an SQL expression: seconds since 1970.
    `advice` says what to look at when it fails. `turn` is held around a transaction that writes, `settle` is called
    after it: when that returns, a power cut takes nothing back.
    """

    name: str
    engine: Engine
    now: ColumnElement[float]
    begin_reading: str
    begin_writing: str
    advice: str
    turn: Callable[[], AbstractContextManager[None]] = nullcontext
    settle: Callable[[], None] = lambda: None

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing. Raises StoreFailed."""
        with self.translated(), self.engine.connect() as connection:
            connection.execute(text(self.begin_reading))
            yield connection  # closing takes back what is not committed

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is kept if the block ends well, else as if it had not been. Raises StoreFailed.

        On SQLite it has the database to itself.
        """
        with self.translated():
            with self.turn(), self.engine.connect() as connection:
                connection.execute(text(self.begin_writing))
                yield connection
                connection.execute(_COMMIT)
            self.settle()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The one place where the database's errors become ours."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            if getattr(cause, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
                raise NotPermitted(
                    f"the store {self.name} does not let you do that ({_first_line(cause)}): it takes the role "
                    "ontarget_user, and ontarget_admin to edit devices or use force; whoever looks after it grants them"
                ) from error
            raise StoreFailed(f"the store {self.name} failed: {' '.join(str(cause).split())}; {self.advice}") from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES):
                raise
            why = os.strerror(error.errno)
            raise StoreFailed(f"the store {self.name} failed: {why}; {self.advice}") from error

    def close(self) -> None:
        self.engine.dispose()


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0]
