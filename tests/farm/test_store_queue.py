"""Who is served when, and with what: the same of every store."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from ontarget.device_farm import waiting
from ontarget.device_farm.leases.store import (
    PROMISE_TTL,
    WAITER_TTL,
    DeviceState,
    Grant,
    LeaseRequest,
    LeaseStore,
    Registration,
    Waiting,
)
from support import lease_client
from support.stores import KINDS, StoreClock, known, opening
from support.waiting import eventually

Clocked = tuple[StoreClock, LeaseStore]


@pytest.fixture(params=KINDS)
def clocked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clocked]:
    clock = StoreClock()
    with opening(request.param, request) as opens:
        store = opens(tmp_path, clock)
        yield clock, store
        store.close()


def want(*wants: tuple[str, ...], priority: int = 0, prefer: tuple[str, ...] = ()) -> LeaseRequest:
    return LeaseRequest(wants, "me", "x", 60.0, priority=priority, prefer=prefer)


def got(store: LeaseStore, request: LeaseRequest, *, queue: bool = False) -> tuple[str, ...] | None:
    """The devices that a request is given, None if it has to wait."""
    answer = store.acquire(request, queue=queue)
    return None if isinstance(answer, Waiting) else tuple(grant.device for grant in answer)


def one(store: LeaseStore, *names: str) -> Grant:
    answer = store.acquire(want(names), queue=False)
    assert not isinstance(answer, Waiting)
    return answer[0]


def test_what_any_would_do_for_takes_the_commonest_model(clocked: Clocked) -> None:
    _, store = clocked
    models = {"a-phone": "phone", "b-pi": "pi", "c-pi": "pi", "d-pi": "pi"}
    store.register([Registration(name, "local", "local", model) for name, model in models.items()])
    taken = [got(store, want(tuple(models))) for _ in models]
    assert taken == [("b-pi",), ("c-pi",), ("d-pi",), ("a-phone",)]


def test_what_others_ask_for_by_name_is_spared(clocked: Clocked) -> None:
    _, store = clocked
    store.register([Registration(name, "local", "local", "pi") for name in ("a", "b", "c")])
    everything = ("a", "b", "c")
    store.release(one(store, "a").secret)  # somebody wants just this: it has a camera
    assert [got(store, want(everything)) for _ in everything] == [("b",), ("c",), ("a",)]


def test_what_is_preferred_is_taken_where_it_is_free(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a", "b", "c")
    everything = ("a", "b", "c")
    assert got(store, want(everything, prefer=("c", "b"))) == ("c",)
    assert got(store, want(everything, prefer=("c", "b"))) == ("b",)
    assert got(store, want(everything, prefer=("c", "b"))) == ("a",)
    assert got(store, want(("a",), prefer=("b",))) is None


def test_several_are_had_together_though_the_first_that_fits_is_needed_elsewhere(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a", "b", "c")
    assert got(store, want(("a", "b"), ("a",))) == ("b", "a")
    assert got(store, want(("a", "c"), ("b", "c"))) is None


def test_a_group_that_waits_moves_what_it_keeps(clocked: Clocked) -> None:
    """It is kept `a` for its first want; when `b` comes free, which only that can use, `a` goes to the second."""
    _, store = clocked
    known(store, "a", "b")
    held = {name: one(store, name) for name in "ab"}
    group = want(("a", "b"), ("a",))
    assert got(store, group, queue=True) is None
    store.release(held["a"].secret)
    assert got(store, want(("a",))) is None, "it is kept"
    store.release(held["b"].secret)
    assert got(store, group, queue=True) == ("b", "a")


def test_more_urgent_requests_take_what_was_promised_to_others(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a", "b")
    held = {name: one(store, name) for name in "ab"}
    patient, next_one, urgent = want(("a", "b")), want(("a", "b")), want(("a",), priority=5)
    assert got(store, patient, queue=True) is None
    assert got(store, next_one, queue=True) is None
    store.release(held["a"].secret)
    assert got(store, urgent, queue=True) == ("a",)
    assert got(store, patient, queue=True) is None
    store.release(held["b"].secret)
    assert got(store, next_one, queue=True) is None
    assert got(store, patient, queue=True) == ("b",)


def test_who_is_robbed_gets_what_else_is_free(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a", "b")
    held = {name: one(store, name) for name in "ab"}
    patient = want(("a", "b"))
    assert got(store, patient, queue=True) is None
    store.release(held["a"].secret)  # promised
    store.release(held["b"].secret)  # free
    assert got(store, want(("a",), priority=5), queue=True) == ("a",)
    assert got(store, patient, queue=True) == ("b",)


def test_what_a_group_keeps_comes_free_when_its_client_is_gone(clocked: Clocked) -> None:
    clock, store = clocked
    known(store, "a", "b")
    held = {name: one(store, name) for name in "ab"}
    group, single = want(("a",), ("b",)), want(("a",))
    assert got(store, group, queue=True) is None
    store.release(held["a"].secret)
    for _ in range(2):
        clock.now += WAITER_TTL / 2 + 0.25
        store.heartbeat(held["b"].secret)
        last = got(store, single, queue=True)
    assert last == ("a",)


def test_an_impatient_group_leaves_everything_as_it_was(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a", "b")
    held = {name: one(store, name) for name in "ab"}
    patient = want(("a",))
    assert got(store, patient, queue=True) is None
    store.release(held["a"].secret)
    assert got(store, want(("a",), ("b",), priority=9)) is None
    assert got(store, patient, queue=True) == ("a",)


def test_who_was_killed_in_the_queue_holds_up_nobody(clocked: Clocked) -> None:
    clock, store = clocked
    known(store, "a")
    held = one(store, "a")
    killed, living = want(("a",)), want(("a",))
    assert got(store, killed, queue=True) is None
    assert got(store, living, queue=True) is None
    store.release(held.secret)
    assert got(store, living, queue=True) is None, "the first has a moment to come for it"
    clock.now += PROMISE_TTL + 0.25
    assert got(store, living, queue=True) == ("a",)


def test_a_place_is_kept_for_who_asks_again_in_time(clocked: Clocked) -> None:
    clock, store = clocked
    known(store, "a")
    held = one(store, "a")
    first, second = want(("a",)), want(("a",))
    for request in (first, second):
        assert got(store, request, queue=True) is None
    for _ in range(3):
        clock.now += WAITER_TTL - 1
        assert store.heartbeat(held.secret)
        for request in (second, first):
            assert got(store, request, queue=True) is None
    store.release(held.secret)
    assert got(store, second, queue=True) is None
    assert got(store, first, queue=True) == ("a",)


def test_a_device_that_goes_out_of_use_is_promised_to_nobody(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a", "b")
    held = {name: one(store, name) for name in "ab"}
    waiter = want(("a", "b"))
    assert got(store, waiter, queue=True) is None
    store.release(held["a"].secret)
    store.set_state("a", DeviceState.QUARANTINED, "smoke", "me")
    assert got(store, waiter, queue=True) is None
    store.release(held["b"].secret)
    assert got(store, waiter, queue=True) == ("b",)
    store.set_state("a", DeviceState.AVAILABLE, "no smoke", "me")
    assert got(store, want(("a",))) == ("a",)


def test_of_many_that_would_do_some_are_told(clocked: Clocked) -> None:
    _, store = clocked
    names = tuple(f"d{number:03}" for number in range(100))
    known(store, *names)
    for name in names:
        one(store, name)
    answer = store.acquire(want(names), queue=True)
    assert isinstance(answer, Waiting)
    assert (answer.position, len(answer.wanted), answer.others) == (1, 8, 92)
    assert answer.retry_in == 60.0
    said: list[str] = []
    with pytest.raises(Exception, match="and 92 others that would do"):
        waiting.acquire(store, want(names), wait=0.0, wanted="one", progress=said.append)


def test_a_device_that_is_made_known_goes_to_who_waits_for_it(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a")
    one(store, "a")
    waiter = want(("a", "new"))
    assert got(store, waiter, queue=True) is None
    known(store, "new")
    assert got(store, want(("new",))) is None, "it is promised"
    assert got(store, waiter, queue=True) == ("new",)


def test_a_line_of_waiters_is_served_in_order(clocked: Clocked) -> None:
    _, store = clocked
    known(store, "a")
    held = one(store, "a")
    served: list[int] = []

    def wait_for(number: int) -> None:
        request = want(("a",))
        grants, _ = waiting.acquire(store, request, wait=60.0, wanted="a", progress=lambda _: None)
        served.append(number)
        store.release(grants[0].secret)

    threads = []
    for number in range(6):
        threads.append(Thread(target=wait_for, args=(number,)))
        threads[-1].start()
        # behind those that are there already
        eventually(lambda number=number: position(store) == number + 2, "its place in the queue")  # type: ignore[misc]
    store.release(held.secret)
    for thread in threads:
        thread.join(60)
    assert served == list(range(6))


def position(store: LeaseStore) -> int:
    """The place that one would have who came now."""
    request = want(("a",))
    answer = store.acquire(request, queue=True)
    store.leave(request.ticket)
    assert isinstance(answer, Waiting)
    return answer.position


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSTOP])
def test_a_waiting_process_that_dies_or_stops_lets_others_by(by: signal.Signals, postgresql_store: str) -> None:
    from ontarget.device_farm.leases.sql import open_store

    store = open_store(postgresql_store)
    known(store, *lease_client.DEVICES)
    held = one(store, "a")
    words = [sys.executable, lease_client.__file__, postgresql_store, "hold", "60"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiter:
        eventually(lambda: position(store) == 2, "its place in the queue", deadline=60.0)
        os.kill(waiter.pid, by)
        store.release(held.secret)
        grants, _ = waiting.acquire(store, want(("a",)), wait=60.0, wanted="a", progress=lambda _: None)
        assert grants[0].device == "a"
        waiter.kill()
    store.close()
