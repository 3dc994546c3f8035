"""What those may do to results on PostgreSQL who have one of a farm's two roles."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import create_engine, delete, text, update
from sqlalchemy.engine import make_url

from ontarget.device_farm.database import open_database, opening, rights, schema
from ontarget.device_farm.errors import NotPermitted
from ontarget.device_farm.memory.acceptance import Acceptance
from ontarget.device_farm.memory.memory import Memory
from ontarget.device_farm.memory.overview import Overview
from ontarget.device_farm.memory.pruning import Policy
from ontarget.device_farm.memory.schema import audit, evidence
from ontarget.harness.results import RunResults
from support.memories import IDENTITY, TEST, compared, keep
from support.postgresql import postgresql_database, postgresql_server

__all__ = ["postgresql_database", "postgresql_server"]


@pytest.fixture
def address_of(postgresql_database: str) -> Iterator[dict[str, str]]:
    """The store's address for a user and an administrator of it."""
    database = opening.connect(postgresql_database)
    schema.bring_up(database)
    people = {"ontarget_user": "ann_of_memory", "ontarget_admin": "bob_of_memory"}
    with database.writing() as connection:
        rights.grant(connection)
        for role, name in people.items():
            connection.execute(text(f"DROP ROLE IF EXISTS {name}"))
            connection.execute(text(f"CREATE ROLE {name} LOGIN"))
            connection.execute(text(f"GRANT ontarget_user, {role} TO {name}"))
    database.close()
    url = make_url(postgresql_database)
    yield {role: url.set(username=name).render_as_string() for role, name in people.items()}
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in people.values():
            connection.execute(text(f"DROP ROLE {name}"))
    engine.dispose()


def test_a_user_measures_accepts_and_withdraws_and_changes_nothing_else(address_of: dict[str, str]) -> None:
    rng = np.random.default_rng(1)
    with Memory.open(address_of["ontarget_user"]) as memory:
        run = memory.begin_run(commit=None, purpose="CI", started=0.0)
        keep(memory, compared(rng))
        memory.finish_run(run, [(TEST, "pi", "pi-1", 1.0)])
        memory.finish_run(run, [(TEST, "pi", "pi-1", 2.0)])
        memory.keep_results(run, RunResults(None, "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", [], []))
        kept = memory.accept(Acceptance(0, TEST, "abcdef1", "meant", "ann", 0.0, memory.now() + 60))
        memory.withdraw(kept.id, "ann", "not any more")
        assert memory.audit()[-1]["role"] == "ann_of_memory"
        assert memory.differences(IDENTITY).differences is None
    database = open_database(address_of["ontarget_user"])
    overview = Overview(database)
    assert overview.results(run) is not None
    assert overview.queue() == []
    assert overview.last_seen()["pi-1"].at > 0
    for change in (update(evidence).values(samples=None), delete(evidence), delete(audit)):
        with pytest.raises(NotPermitted), database.writing() as connection:
            connection.execute(change)
    database.close()


def test_an_administrator_prunes_and_leaves_the_audit_log_as_it_is(address_of: dict[str, str]) -> None:
    rng = np.random.default_rng(1)
    with Memory.open(address_of["ontarget_admin"]) as memory:
        for _ in range(3):
            keep(memory, compared(rng))
        assert memory.prune(Policy(age=0.0, newest=1), author="bob").comparisons == 2
    database = open_database(address_of["ontarget_admin"])
    with pytest.raises(NotPermitted), database.writing() as connection:
        connection.execute(delete(audit))
    database.close()
