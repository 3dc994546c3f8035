"""Stores that were filled before runs left totals behind."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, text

from ontarget.device_farm.database import Database, opening, schema
from ontarget.device_farm.memory.overview import Overview
from ontarget.device_farm.memory.rows import comparison_values, subject_values
from ontarget.device_farm.memory.schema import comparisons, runs, subjects
from support.memories import IDENTITY, compared, record_of

_MIGRATIONS = Path(schema.__file__).parent / "migrations"


@pytest.fixture
def older(address_of_nothing: str) -> Iterator[Database]:
    """At revision 0002, with a run of four comparisons."""
    database = opening.connect(address_of_nothing)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    rng = np.random.default_rng(1)
    values = comparison_values(found := compared(rng), record_of(found))
    with database.writing() as connection:
        config.attributes.update(connection=connection, version_table=schema.VERSION_TABLE)
        command.upgrade(config, "0002")
        told = {"id": "r", "purpose": "CI", "version": "0", "started": 1.0, "finished": 9.0}
        connection.execute(insert(runs).values(told))
        connection.execute(insert(subjects).values({"id": 1, **subject_values(IDENTITY)}))
        named = {**values, "subject": 1, "run": "r", "kind": "compare", "accepted": None}
        for number, spread in enumerate((0.004, None, 0.001, 0.003), 1):
            row = {**named, "id": number, "at": float(number), "spread": spread, "flawed": number}
            connection.execute(insert(comparisons).values(row))
        connection.execute(
            text(
                "INSERT INTO device (name, connect, kind, facts, state, since, demand, uses) "
                "VALUES ('pi-1', 'local', 'local', '{}', 'available', 1, 0, 0)"
            )
        )
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def address_of_nothing(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'farm.db'}"
    return str(request.getfixturevalue("postgresql_database"))


def test_they_get_totals_and_noise_from_what_they_have(older: Database) -> None:
    assert schema.bring_up(older) == 2
    overview = Overview(older)
    (run,) = overview.runs(newest=9)
    assert run.totals == {"pi": {"pass": 4}}
    assert overview.results("r") is None
    (told,) = overview.device_runs("pi-1", newest=9)
    assert (told.compared, told.flawed, told.noise) == (4, 10, 0.003), "the median of those that have a spread"
