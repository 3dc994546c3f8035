"""What a PostgreSQL store's clients notice of a server that dies, of cut connections, of clocks and stopped clients."""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from ontarget.device_farm import waiting
from ontarget.device_farm.database import open_database
from ontarget.device_farm.database.patience import persistently
from ontarget.device_farm.errors import StoreFailed
from ontarget.device_farm.leases.book import Ask, NewLease, Pool
from ontarget.device_farm.leases.postgresql_book import PostgresqlBook
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import DeviceState, Grant, LeaseRequest, LeaseStore
from support import lease_client
from support.postgresql import Server, administration, database, make_store, started
from support.stores import known
from support.waiting import eventually


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of one's own, to be killed."""
    with started() as made:
        yield made


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    with database(server.url) as made:
        make_store(made)
        yield made


@pytest.fixture
def store(address: str) -> Iterator[LeaseStore]:
    opened = open_store(address)
    known(opened, "a", "b")
    yield opened
    opened.close()


def want(*names: str) -> LeaseRequest:
    return LeaseRequest((names,), "me", "x", 60.0)


def taken(store: LeaseStore, request: LeaseRequest, wait: float = 60.0) -> Grant:
    return waiting.acquire(store, request, wait=wait, wanted="it", progress=lambda _: None)[0][0]


def test_a_server_that_dies_at_any_moment_costs_time_and_nothing_else(
    server: Server, address: str, store: LeaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    ended = Event()
    using: dict[str, int] = {}
    trouble: list[str] = []
    tokens: list[int] = []
    turns = count()

    def work() -> None:
        mine = open_store(address)
        try:
            while not ended.is_set():
                grant = taken(mine, want("a", "b"))
                if using.setdefault(grant.device, grant.token) != grant.token:
                    trouble.append(f"{grant.device} has two holders")
                tokens.append(grant.token)
                del using[grant.device]
                mine.release(grant.secret)
                next(turns)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            trouble.append(repr(error))
        finally:
            mine.close()

    workers = [Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(3):
        so_far = len(tokens)
        eventually(lambda so_far=so_far: len(tokens) > so_far + 20 or bool(trouble), "some leases", deadline=60.0)  # type: ignore[misc]
        server.kill()
        server.start()
    so_far = len(tokens)
    eventually(lambda: len(tokens) > so_far + 20 or bool(trouble), "leases after it", deadline=60.0)
    ended.set()
    for worker in workers:
        worker.join()
    assert not trouble
    assert len(set(tokens)) == len(tokens), "a token was given out twice"
    assert {status.state for status in store.statuses()} == {DeviceState.AVAILABLE}
    assert "trying again for up to 30 s" in caplog.text
    assert "is back" in caplog.text


def test_a_server_that_stays_away_is_given_up(address: str) -> None:
    opened = open_database(address)
    now = 0.0

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    def ask() -> None:
        with gone.reading():
            raise AssertionError("there is nobody")

    gone = open_database(address)
    gone.close()
    gone = type(gone)(**{**vars(gone), "engine": nobody_there()})
    with pytest.raises(StoreFailed, match=r"tried for 30 s"):
        persistently(ask, "it", clock=lambda: now, sleep=pause)
    assert 30.0 <= now < 31.0
    opened.close()


def nobody_there() -> object:
    return administration(make_url("postgresql://nobody@127.0.0.1:1/"))


def test_what_is_asked_again_after_a_lost_answer_is_given_once(address: str, store: LeaseStore) -> None:
    book = PostgresqlBook(open_database(address))
    ask = Ask(want("a"), (Pool.of(["a"]),), (NewLease(),), queue=True)
    first = book.ask(ask)
    assert book.ask(ask).granted == first.granted
    assert len([line for line in store.history("a") if line.state is DeviceState.LEASED]) == 1
    book.close()


def test_who_waits_is_served_although_all_connections_were_cut(server: Server, store: LeaseStore) -> None:
    held = taken(store, want("a"))
    got: list[Grant] = []
    waiter = Thread(target=lambda: got.append(taken(store, want("a"))))
    waiter.start()
    side = administration(server.url)
    with side.connect() as connection:
        count_waiting = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        eventually(lambda: connection.execute(count_waiting).scalar_one() > 0, "somebody who listens")
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ontarget'"
        connection.execute(text(others))
    side.dispose()
    assert store.release(held.secret)
    waiter.join(60)
    assert [grant.device for grant in got] == ["a"]


def test_the_clients_clock_decides_nothing(store: LeaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.time()
    for wrong in (0.0, before + 1e6):
        monkeypatch.setattr(time, "time", lambda wrong=wrong: wrong)
        grant = taken(store, want("a"))
        assert abs(grant.expires - 60.0 - before) < 100
        assert store.heartbeat(grant.secret).left == 60.0
        assert store.release(grant.secret)


def test_a_client_that_is_stopped_at_any_moment_holds_up_nobody(
    address: str, store: LeaseStore, tmp_path: Path
) -> None:
    """On SQLite one that is stopped within a transaction would; on PostgreSQL a transaction is one call."""
    words = [sys.executable, lease_client.__file__, address, "contend", str(tmp_path), "100000"]
    known(store, *lease_client.DEVICES)
    with Popen(words, stdout=PIPE, stderr=PIPE) as client:
        try:
            eventually(lambda: any(tmp_path.glob("*.tokens")), "its first lease", deadline=60.0)
            for _ in range(10):
                os.kill(client.pid, signal.SIGSTOP)
                for _ in range(5):
                    grant = taken(store, want(*lease_client.DEVICES), wait=0.0)
                    assert store.release(grant.secret)
                os.kill(client.pid, signal.SIGCONT)
        finally:
            client.kill()


def test_a_password_in_an_address_is_refused_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    for secret in ("postgresql://me:geheim@db/farm", "postgresql://me@db/farm?password=geheim"):
        with pytest.raises(Exception, match=r"~/\.pgpass") as caught:
            open_store(secret)
        assert "geheim" not in f"{caught.value!r} {caught.value.__cause__!r}"
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreFailed, match="Connection refused"):
        open_store("postgresql://me@127.0.0.1:1/farm")
