"""Schemas: how a database gets the newest, and which are refused."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from ontarget.device_farm.database import Database, open_database, schema
from ontarget.device_farm.database.opening import connect
from ontarget.device_farm.errors import NewerSchema, StoreFailed, UnsupportedStore
from ontarget.device_farm.leases.schema import metadata
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import DeviceState, LeaseRequest, Waiting

# A file of the last ontarget that did not number its schemas, with device "a" leased for a day.
UNNUMBERED = """
CREATE TABLE ontarget_store (schema INTEGER NOT NULL, store_id VARCHAR(32) NOT NULL, created FLOAT NOT NULL,
    token BIGINT NOT NULL, place BIGINT NOT NULL, freed BIGINT NOT NULL);
CREATE TABLE device (name VARCHAR NOT NULL PRIMARY KEY, connect VARCHAR NOT NULL, kind VARCHAR NOT NULL, model VARCHAR,
    facts TEXT NOT NULL, state VARCHAR NOT NULL, reason VARCHAR, since FLOAT NOT NULL);
CREATE TABLE lease (id VARCHAR(32) NOT NULL PRIMARY KEY, secret_hash VARCHAR(64) NOT NULL UNIQUE,
    device VARCHAR NOT NULL REFERENCES device (name), token BIGINT NOT NULL UNIQUE, owner VARCHAR NOT NULL,
    purpose VARCHAR NOT NULL, ttl FLOAT NOT NULL, granted FLOAT NOT NULL, expires FLOAT NOT NULL, ended FLOAT,
    end_reason VARCHAR);
CREATE UNIQUE INDEX one_holder ON lease (device) WHERE ended IS NULL;
CREATE TABLE waiter (ticket VARCHAR NOT NULL PRIMARY KEY, place BIGINT NOT NULL, priority INTEGER NOT NULL,
    wants TEXT NOT NULL, owner VARCHAR NOT NULL, purpose VARCHAR NOT NULL, seen FLOAT NOT NULL);
CREATE TABLE transition (id INTEGER NOT NULL PRIMARY KEY, at FLOAT NOT NULL, device VARCHAR NOT NULL,
    state VARCHAR NOT NULL, reason VARCHAR NOT NULL, author VARCHAR NOT NULL, token BIGINT);
CREATE INDEX ix_transition_device ON transition (device);
INSERT INTO ontarget_store VALUES (1, 'f00', 1.0, 41, 7, 3);
INSERT INTO device VALUES ('a', 'local', 'local', 'pi', '{"abi": "aarch64"}', 'available', NULL, 1.0);
INSERT INTO device VALUES ('b', 'local', 'local', NULL, '{}', 'quarantined', 'hot', 2.0);
INSERT INTO lease SELECT 'l1', '__HASH__', 'a', 41, 'me', 'x', 86400.0, n, n + 86400.0, NULL, NULL
    FROM (SELECT (julianday('now') - 2440587.5) * 86400.0 AS n);
INSERT INTO transition VALUES (1, 1.0, 'b', 'quarantined', 'hot', 'me', NULL);
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'farm.db'}"
    else:
        address = request.getfixturevalue("postgresql_store")
    opened = open_database(address)
    yield opened
    opened.close()


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    # indexes are the migrations' alone, as are other tables
    left = [change for change in differences if change[0] not in ("remove_table", "remove_index", "add_index")]
    assert left == []


def test_a_newer_schema_is_refused(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '0099'"))
    with pytest.raises(NewerSchema, match=rf"schema 99, and this ontarget knows up to {schema.NEWEST}: update"):
        schema.check(database)
    with pytest.raises(NewerSchema):
        schema.bring_up(database)


def test_a_postgresql_store_is_made_and_migrated_by_command_only(postgresql_database: str) -> None:
    with pytest.raises(StoreFailed, match="an administrator makes it by `ontarget farm init`"):
        open_database(postgresql_database)
    database = connect(postgresql_database)
    assert schema.bring_up(database) == 0
    assert schema.bring_up(database) == schema.NEWEST
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '0001'"))
    with pytest.raises(StoreFailed, match=r"has schema 1, .* brings it there by `ontarget farm migrate`"):
        open_database(postgresql_database)
    database.close()


def test_a_database_of_others_is_left_alone(postgresql_database: str) -> None:
    database = connect(postgresql_database)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE recipes (name text)"))
    with pytest.raises(StoreFailed, match="no store of ontarget: it has the tables recipes"):
        schema.bring_up(database)
    database.close()


def test_a_file_from_before_schemas_were_numbered_goes_on(tmp_path: Path) -> None:
    from ontarget.device_farm.leases.book import digest

    with sqlite3.connect(tmp_path / "farm.db") as old:
        old.executescript(UNNUMBERED.replace("__HASH__", digest("secret")))
    old.close()
    store = open_store(f"sqlite:///{tmp_path / 'farm.db'}")
    assert store.store_id == "f00"
    a, b = store.statuses()
    assert (a.state, a.model, a.facts, a.token) == (DeviceState.LEASED, "pi", {"abi": "aarch64"}, 41)
    assert (b.state, b.reason) == (DeviceState.QUARANTINED, "hot")
    assert [line.reason for line in store.history("b")] == ["hot"]
    assert isinstance(store.acquire(LeaseRequest((("a",),), "you", "y", 60.0), queue=False), Waiting)
    assert store.release("secret")
    answer = store.acquire(LeaseRequest((("a",),), "you", "y", 60.0), queue=False)
    assert not isinstance(answer, Waiting)
    assert answer[0].token == 42, "tokens go on growing"
    store.close()


def test_many_may_make_a_file_at_once(tmp_path: Path) -> None:
    def identity(_: int) -> str:
        store = open_store(f"sqlite:///{tmp_path / 'farm.db'}")
        store.close()
        return store.store_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(identity, range(8)))) == 1


def test_a_current_store_is_opened_without_alembic(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'farm.db'}"
    open_store(address).close()
    program = (
        "import sys; from ontarget.device_farm.leases.sql import open_store\n"
        f"open_store({address!r}).close(); print([m for m in ('alembic', 'psycopg', 'mako') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("mysql://lab/farm", "begins with 'mysql': this version knows sqlite:///PATH and postgresql://"),
        ("sqlite:///", "this version knows"),
        ("postgresql://lab", "names no database"),
        ("postgresql://lab:port/farm", "write postgresql://"),
    ],
)
def test_addresses_that_are_none(address: str, problem: str) -> None:
    with pytest.raises(UnsupportedStore, match=problem):
        open_database(address)


def test_a_writer_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'farm.db'}"
    open_store(address).close()
    program = (
        "import time; from ontarget.device_farm.database import open_database\n"
        f"with open_database({address!r}).writing(): print('in', flush=True); time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "in\n"
        writer.kill()
    database = open_database(address)
    with database.writing() as connection:
        connection.execute(text("UPDATE ontarget_store SET token = 1"))
    database.close()
