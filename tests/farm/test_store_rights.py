"""Who may do what on PostgreSQL: two users and an administrator, each with a connection of their own."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, ProgrammingError

from ontarget.device_farm.database import schema
from ontarget.device_farm.database.opening import connect
from ontarget.device_farm.errors import NoSuchLease, NotPermitted
from ontarget.device_farm.leases.book import digest
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import DeviceState, Grant, LeaseRequest, LeaseStore, Registration, Waiting
from support.postgresql import address, administration
from support.postgresql import database as made_database


@dataclass
class Who:
    """Somebody with a login of their own: what ontarget does for them, and what they can do without it."""

    store: LeaseStore
    engine: Engine

    def tries(self, statement: str, **values: object) -> object:
        with self.engine.connect() as connection:
            return connection.execute(text(statement), values).all()

    def takes(self, *names: str) -> Grant:
        answer = self.store.acquire(LeaseRequest((names,), "somebody", "a test", 60.0), queue=False)
        assert not isinstance(answer, Waiting)
        return answer[0]


@dataclass
class Farm:
    admin: Who
    alice: Who
    mallory: Who


@pytest.fixture(scope="module")
def everyone(postgresql_server: URL) -> Iterator[Farm]:
    with made_database(postgresql_server) as made:
        yield from _everyone(postgresql_server, made)


@pytest.fixture
def farm(everyone: Farm) -> Iterator[Farm]:
    yield everyone
    for device in "ab":
        everyone.admin.store.free(device, "the test is over", "the admin")
        everyone.admin.store.set_state(device, DeviceState.AVAILABLE, "the test is over", "the admin")


def _everyone(postgresql_server: URL, made: str) -> Iterator[Farm]:
    database = connect(made)
    schema.bring_up(database)
    server = administration(postgresql_server)
    name = make_url(made).database
    assert name is not None
    logins = {f"{who}_{name[-6:]}": role for who, role in _ROLES.items()}
    everybody = []
    with server.connect() as connection:
        for login, role in logins.items():
            connection.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {role}"))
    try:
        for login in logins:
            at = address(postgresql_server, name, user=login)
            engine = create_engine(make_url(at).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
            everybody.append(Who(open_store(at), engine))
        farm = Farm(*everybody)
        farm.admin.store.register([Registration(device, "local", "local") for device in "ab"], "the admin")
        yield farm
    finally:
        for who in everybody:
            who.store.close()
            who.engine.dispose()
        database.close()
        with server.connect() as connection:
            for login in logins:
                connection.execute(text(f"DROP ROLE {login}"))
        server.dispose()


_ROLES = {"admin": "ontarget_admin, ontarget_user", "alice": "ontarget_user", "mallory": "ontarget_user"}


def test_a_user_leases_and_gives_back(farm: Farm) -> None:
    lease = farm.alice.takes("a")
    store = farm.alice.store
    assert store.heartbeat(lease.secret).token == lease.token
    store.learn(lease.secret, "pi", {"abi": "aarch64"})
    store.checked(lease.secret)
    waiting = farm.mallory.store.acquire(LeaseRequest((("a",),), "mallory", "x", 60.0, ticket="t"), queue=True)
    assert isinstance(waiting, Waiting)
    assert waiting.wanted[0].holder == "somebody"
    assert store.release(lease.secret)
    assert not isinstance(
        farm.mallory.store.acquire(LeaseRequest((("a",),), "mallory", "x", 60.0, ticket="t"), queue=True), Waiting
    )


def test_the_audit_log_says_as_whom_somebody_came(farm: Farm) -> None:
    farm.mallory.store.acquire(LeaseRequest((("a",),), "alice@her-desk", "x", 60.0), queue=False)
    line = farm.admin.store.history("a")[-1]
    assert line.author == "alice@her-desk"
    assert line.role is not None
    assert line.role.startswith("mallory_")


def test_anothers_lease_is_out_of_reach(farm: Farm) -> None:
    lease = farm.alice.takes("a")
    for guess in (lease.lease, digest(lease.secret), str(lease.token)):
        with pytest.raises(NoSuchLease):
            farm.mallory.store.release(guess)
        with pytest.raises(NoSuchLease):
            farm.mallory.store.heartbeat(guess)
        with pytest.raises(NoSuchLease):
            farm.mallory.store.withdraw(guess, DeviceState.OFFLINE, "mine")
    assert farm.alice.store.holding(lease.secret).token == lease.token


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lease SET expires = 0",
        "UPDATE lease SET owner = 'mallory'",
        "DELETE FROM lease",
        "INSERT INTO lease SELECT 'x', 'x', 'b', 99, 'm', 'm', 60, 0, 1e12, NULL, NULL",
        "TRUNCATE lease",
        "SELECT secret_hash FROM lease",
        "SELECT * FROM lease",
        "SELECT 1 FROM lease WHERE secret_hash LIKE 'a%'",
        "SELECT 1 FROM lease ORDER BY secret_hash",
        "UPDATE ontarget_store SET token = token + 1000",
        "UPDATE ontarget_store SET store_id = 'x'",
        "SELECT * FROM ontarget_store FOR UPDATE",
        "LOCK TABLE ontarget_store IN ACCESS EXCLUSIVE MODE",
        "UPDATE device SET state = 'available'",
        "UPDATE device SET lease = NULL",
        "INSERT INTO device SELECT 'z', connect, kind, model, facts, state FROM device",
        "DELETE FROM device",
        "DELETE FROM transition",
        "UPDATE transition SET reason = 'nothing happened'",
        "INSERT INTO transition (at, device, state, reason, author) VALUES (0, 'a', 'available', 'x', 'alice')",
        "SELECT nextval('transition_id_seq')",
        "UPDATE waiter SET place = 0",
        "DELETE FROM waiter",
        "DELETE FROM pool",
        "INSERT INTO pool_device SELECT id, 'b' FROM pool",
        "UPDATE ontarget_schema SET version_num = '9999'",
        "DROP TABLE lease",
        "ALTER TABLE lease DISABLE TRIGGER ALL",
        "CREATE TABLE public.device_too (name text)",
        "CREATE FUNCTION public.ontarget_hash(bytea) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
        "CREATE OR REPLACE FUNCTION ontarget_now() RETURNS double precision LANGUAGE sql AS 'SELECT 0::float8'",
        "SELECT ontarget_set_state('a', 'quarantined', 'x', 'admin')",
        "SELECT ontarget_free('a', 'x', 'admin')",
        "SELECT ontarget_register('[]', 'admin')",
        "SELECT ontarget_prune(0)",
        "SELECT ontarget_turn()",
        "SELECT ontarget_offer('a')",
        "SELECT ontarget_retract('a')",
        "SELECT ontarget_recount()",
        "SELECT ontarget_note(0, 'a', 'available', 'x', 'alice', 1)",
        "SELECT ontarget_grant(0, 'b', 'x', 'x', 'm', 'm', 60)",
        "SELECT ontarget_change_state(0, 'a', 'available', 'x', 'm')",
        "SELECT ontarget_remove('x')",
        "SELECT ontarget_pool('0123', ARRAY['b'])",
        "SELECT ontarget_ask('t', ARRAY['x'], ARRAY['x'], ARRAY['x'], 'm', 'm', 'infinity', 0, false, '{}')",
        "SELECT ontarget_ask('t', ARRAY['x'], ARRAY['x'], ARRAY['x'], 'm', 'm', 'nan', 0, false, '{}')",
        "SELECT ontarget_ask('t', ARRAY['x'], ARRAY['x', 'y'], ARRAY['x'], 'm', 'm', 60, 0, false, '{}')",
        "SET ROLE ontarget_admin",
    ],
)
def test_a_user_can_do_no_more_than_the_functions_let_them(farm: Farm, statement: str) -> None:
    lease = farm.alice.takes("a")
    with pytest.raises(DBAPIError) as caught:
        farm.mallory.tries(statement)
    assert "syntax error" not in str(caught.value)
    assert "does not exist" not in str(caught.value)
    assert farm.alice.store.holding(lease.secret).token == lease.token
    assert farm.alice.takes("b").token == lease.token + 1


def test_a_temporary_table_stands_in_for_no_other(farm: Farm) -> None:
    lease = farm.alice.takes("a")
    with farm.mallory.engine.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE lease AS SELECT 'x' AS id, 'a' AS device, 1e12 AS expires"))
        connection.execute(text("SET search_path = pg_temp, public"))
        held = connection.execute(text("SELECT public.ontarget_holding('f00')")).scalar_one()
    assert held is None
    assert farm.alice.store.holding(lease.secret).device == "a"


def test_only_an_administrator_edits_and_frees_by_force(farm: Farm) -> None:
    lease = farm.alice.takes("a")
    store = farm.mallory.store
    with pytest.raises(NotPermitted, match="permission denied"):
        store.set_state("a", DeviceState.QUARANTINED, "mine", "mallory")
    with pytest.raises(NotPermitted, match="permission denied"):
        store.free("a", "mine", "mallory")
    with pytest.raises(NotPermitted, match="told by an administrator only: ontarget farm import"):
        store.register([Registration("a", "ssh:elsewhere", "board")], "mallory")
    with pytest.raises(NotPermitted, match="permission denied"):
        store.prune(0.0)
    farm.admin.store.set_state("b", DeviceState.MAINTENANCE, "new fan", "root@lab")
    assert farm.admin.store.free("a", "the job hangs", "root@lab")
    with pytest.raises(Exception, match="ended by root@lab: the job hangs"):
        farm.alice.store.heartbeat(lease.secret)
    last = farm.alice.store.history("a")[-1]
    assert (last.reason, last.author) == ("ended by force: the job hangs", "root@lab")
    with pytest.raises(ProgrammingError, match="permission denied"):
        farm.admin.tries("DELETE FROM transition")
    with pytest.raises(ProgrammingError, match="permission denied"):
        farm.admin.tries("UPDATE ontarget_store SET token = 0")


def test_a_holder_may_take_the_device_out_of_use(farm: Farm) -> None:
    lease = farm.alice.takes("a")
    farm.alice.store.withdraw(lease.secret, DeviceState.QUARANTINED, "no answer after a power cycle")
    farm.alice.store.release(lease.secret)
    (status,) = farm.alice.store.statuses(["a"])
    assert (status.state, status.reason, status.author) == (
        DeviceState.QUARANTINED,
        "no answer after a power cycle",
        "somebody",
    )


def test_measurements_are_added_and_never_changed(farm: Farm) -> None:
    tables = farm.mallory.tries("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    assert isinstance(tables, list)
    guarded = {"ontarget_schema", "ontarget_store", "device", "lease", "waiter", "want", "pool", "pool_device"}
    kept = {row.table_name for row in tables} - guarded - {"transition"}
    assert kept
    for table in kept:
        farm.mallory.tries(f'SELECT count(*) FROM "{table}"')
        for statement in (f'DELETE FROM "{table}"', f'TRUNCATE "{table}"', f'DROP TABLE "{table}"'):
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                farm.mallory.tries(statement)
        rights = f"has_table_privilege('{table}', 'INSERT'), has_table_privilege('{table}', 'UPDATE')"
        assert farm.mallory.tries(f"SELECT {rights}") == [(True, False)]
