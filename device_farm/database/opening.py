"""From the address of a store to its database, with the schema that this ontarget works with."""

from pathlib import Path

from ontarget.device_farm.database import schema
from ontarget.device_farm.database.database import Database
from ontarget.device_farm.errors import UnsupportedStore

_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"


def open_database(address: str) -> Database:
    """Open `sqlite:///PATH` or `postgresql://...`.

    An SQLite file is made, and brought to the newest schema, as needed; for PostgreSQL that is an administrator's
    decision (`ontarget farm init`, `ontarget farm migrate`). Raises UnsupportedStore, StoreFailed, NewerSchema.
    """
    database = connect(address)
    try:
        if database.is_sqlite:
            schema.bring_up(database)
        else:
            schema.check(database)
    except BaseException:
        database.close()
        raise
    return database


def connect(address: str) -> Database:
    """Like `open_database`, whatever schema is there."""
    if address.startswith(_SQLITE) and address != _SQLITE:
        from ontarget.device_farm.database.sqlite import sqlite_database

        return sqlite_database(Path(address.removeprefix(_SQLITE)))
    if address.startswith(_POSTGRESQL):
        from ontarget.device_farm.database.postgresql import postgresql_database

        return postgresql_database(address)
    scheme = address.partition(":")[0]
    raise UnsupportedStore(
        f"cannot open a store that begins with {scheme!r}: this version knows sqlite:///PATH and "
        "postgresql://[user@]host[:port]/database"
    )
