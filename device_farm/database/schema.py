"""Which schema a database has, and the way to the newest."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from ontarget.device_farm.database import rights
from ontarget.device_farm.database.database import Database
from ontarget.device_farm.errors import NewerSchema, StoreFailed

VERSION_TABLE: Final = "ontarget_schema"
STORE_TABLE: Final = "ontarget_store"
_FOLDER: Final = Path(__file__).parent / "migrations"
NEWEST: Final = max(int(path.name[:4]) for path in (_FOLDER / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def found(connection: Connection, name: str) -> int:
    """Return the number of the schema that is there, 0 for none. Raises StoreFailed for a database of others."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        # the name is ours
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()
        return 0 if version is None else int(version)
    if tables and STORE_TABLE not in tables:  # it was there before schemas were numbered
        others = ", ".join(sorted(tables)[:10])
        raise StoreFailed(f"{name} is a database, and no store of ontarget: it has the tables {others}")
    return 0


def check(database: Database) -> None:
    """Raises StoreFailed, NewerSchema, where the schema is not the newest."""
    with database.reading() as connection:
        schema = found(connection, database.name)
    refuse_newer(schema, database)
    if schema == 0:
        raise StoreFailed(
            f"there is no store in {database.name} yet: an administrator makes it by `ontarget farm init`"
        )
    if schema < NEWEST:
        raise StoreFailed(
            f"the store {database.name} has schema {schema}, and this ontarget works with {NEWEST}: an administrator "
            "brings it there by `ontarget farm migrate`"
        )


def bring_up(database: Database) -> int:
    """Bring a database to the newest schema, from nothing if need be; return the number of the schema it had.

    Raises StoreFailed, NewerSchema.
    """
    with database.reading() as connection:
        schema = found(connection, database.name)
    if schema < NEWEST:
        with database.writing() as connection:
            schema = found(connection, database.name)
            if schema < NEWEST:
                _migrate(connection)
                if not database.is_sqlite:
                    rights.grant(connection)
    refuse_newer(schema, database)
    return schema


def refuse_newer(schema: int, database: Database) -> None:
    if schema > NEWEST:
        raise NewerSchema(
            f"the store {database.name} has schema {schema}, and this ontarget knows up to {NEWEST}: update ontarget, "
            "or use another store"
        )


def _migrate(connection: Connection) -> None:
    # it takes a fifth of a second to import, and is hardly ever needed
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    command.upgrade(config, "head")
