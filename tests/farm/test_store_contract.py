"""What every lease store promises, as a state machine beside a model of it that is a dictionary."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from ontarget.device_farm.errors import LeaseLost, NewerSchema, NoSuchDevice, NoSuchLease, StoreFailed, UnsupportedStore
from ontarget.device_farm.leases.sql import open_store
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
from support.stores import KINDS, START, Open, StoreClock, known, opening

NAMES = ("a", "b", "c")
UNUSABLE = (DeviceState.QUARANTINED, DeviceState.OFFLINE, DeviceState.MAINTENANCE)
Wants = tuple[tuple[str, ...], ...]
wants = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(tuple), min_size=1, max_size=2).map(
    tuple
)
# exact in binary, so that the model's sums are the store's
ttls = st.sampled_from([0.25, 1.0, 8.0, 30.0])


@dataclass
class Held:
    secret: str
    expires: float
    ttl: float


@dataclass
class Place:
    request: LeaseRequest
    number: int
    seen: float


class StoreMachine(RuleBasedStateMachine):
    open: Open
    leases: Bundle[Grant] = Bundle("leases")
    requests: Bundle[LeaseRequest] = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = StoreClock()
        self.store = self.opened()
        known(self.store, *NAMES)
        self.identity = self.store.store_id
        self.held: dict[str, Held] = {}
        self.states = dict.fromkeys(NAMES, DeviceState.AVAILABLE)
        self.queue: dict[str, Place] = {}
        self.last_token = 0
        self.places = 0
        self.issued: list[Grant] = []
        self.may_be_forgotten: set[str] = set()

    def opened(self) -> LeaseStore:
        return type(self).open(Path(self.folder.name), self.clock)

    def teardown(self) -> None:
        """Whoever still waits is served in turn when everything comes free, one after the other."""
        self.clock.now += 0.125
        for grant in self.issued:
            if self.is_held(grant):
                self.release(grant)
                self.serve_the_queue()
        for name in NAMES:
            self.set_state(name, DeviceState.AVAILABLE)
            self.serve_the_queue()
        self.store.close()
        self.folder.cleanup()

    # the model

    def free(self) -> frozenset[str]:
        busy = {name for name, lease in self.held.items() if lease.expires > self.clock.now}
        return frozenset(name for name in NAMES if name not in busy and self.states[name] is DeviceState.AVAILABLE)

    def before(self, request: LeaseRequest, *, seen_within: float = WAITER_TTL) -> list[Wants]:
        """The wants of those whose turn is earlier, in order. Who was not seen within PROMISE_TTL may be asleep."""
        mine = self.queue.get(request.ticket)
        number = self.places + 1 if mine is None else mine.number
        live = [
            place
            for ticket, place in self.queue.items()
            if ticket != request.ticket and place.seen >= self.clock.now - seen_within
        ]
        rank = (-request.priority, number)
        earlier = [place for place in live if (-place.request.priority, place.number) < rank]
        return [place.request.wants for place in sorted(earlier, key=lambda p: (-p.request.priority, p.number))]

    def is_held(self, grant: Grant) -> bool:
        lease = self.held.get(grant.device)
        return lease is not None and lease.secret == grant.secret and lease.expires > self.clock.now

    def serve_the_queue(self) -> None:
        order = sorted(self.queue.values(), key=lambda place: (-place.request.priority, place.number))
        for place in order:
            if place.seen >= self.clock.now - WAITER_TTL:
                self.ask(place.request, queue=True)

    # the rules

    def ask(self, request: LeaseRequest, *, queue: bool) -> tuple[Grant, ...]:
        free = self.free()
        earlier = self.before(request)
        answer = self.store.acquire(request, queue=queue)
        if isinstance(answer, Waiting):
            assert earlier or not servable(request.wants, free), "it was the first, and what it wants is free"
            if queue:
                self.keep_place(request)
            return ()
        assert len(answer) == len(request.wants), "a group is whole"
        granted = [grant.device for grant in answer]
        assert len(set(granted)) == len(granted)
        assert free.issuperset(granted), "never two holders"
        for wanted in self.before(request, seen_within=PROMISE_TTL):
            assert not servable(wanted, free) or servable(wanted, free.difference(granted)), "nobody is overtaken"
        for grant, want in zip(answer, request.wants, strict=True):
            assert grant.device in want
            assert grant.token > self.last_token, "tokens only grow"
            self.last_token = grant.token
            assert grant.expires == self.clock.now + request.ttl
            self.held[grant.device] = Held(grant.secret, grant.expires, request.ttl)
        self.queue.pop(request.ticket, None)
        self.issued.extend(answer)
        return answer

    def keep_place(self, request: LeaseRequest) -> None:
        place = self.queue.get(request.ticket)
        if place is None:
            self.places += 1
            self.queue[request.ticket] = Place(request, self.places, self.clock.now)
        elif self.clock.now - place.seen >= WAITER_TTL / 3:
            place.seen = self.clock.now

    @rule(target=leases, wanted=wants, ttl=ttls)
    def acquire_at_once(self, wanted: Wants, ttl: float) -> MultipleResults[Grant]:
        return multiple(*self.ask(LeaseRequest(wanted, "me", "test", ttl), queue=False))

    @rule(target=requests, wanted=wants, ttl=ttls, priority=st.integers(0, 1))
    def want(self, wanted: Wants, ttl: float, priority: int) -> LeaseRequest:
        return LeaseRequest(wanted, "me", "test", ttl, priority)

    @rule(target=leases, request=requests)
    def acquire_in_turn(self, request: LeaseRequest) -> MultipleResults[Grant]:
        place = self.queue.get(request.ticket)
        if place is not None and place.seen < self.clock.now - WAITER_TTL:
            # a lapsed place may have been dropped by others or not: it is asked for anew
            self.store.leave(request.ticket)
            del self.queue[request.ticket]
        return multiple(*self.ask(request, queue=True))

    @rule(request=requests)
    def leave(self, request: LeaseRequest) -> None:
        self.store.leave(request.ticket)
        self.queue.pop(request.ticket, None)

    @rule(lease=leases)
    def heartbeat(self, lease: Grant) -> None:
        if self.is_held(lease):
            renewed = self.store.heartbeat(lease.secret)
            assert (renewed.token, renewed.device) == (lease.token, lease.device)
            assert renewed.expires == self.clock.now + lease.ttl
            self.held[lease.device].expires = renewed.expires
            return
        with pytest.raises((LeaseLost, NoSuchLease)) as caught:
            self.store.heartbeat(lease.secret)
        assert caught.type is LeaseLost or lease.secret in self.may_be_forgotten

    @rule(lease=leases)
    def release(self, lease: Grant) -> None:
        was_held = self.is_held(lease)
        try:
            assert self.store.release(lease.secret) == was_held
        except NoSuchLease:
            assert lease.secret in self.may_be_forgotten
            return
        assert self.store.release(lease.secret) is False, "twice is harmless"
        if was_held:
            del self.held[lease.device]
        with pytest.raises(LeaseLost):
            self.store.holding(lease.secret)

    @rule(lease=leases, request=requests)
    def hand_over(self, lease: Grant, request: LeaseRequest) -> None:
        self.acquire_in_turn(request)
        self.release(lease)
        self.serve_the_queue()

    @rule(lease=leases, request=requests)
    def outlive(self, lease: Grant, request: LeaseRequest) -> None:
        """A lease runs out while somebody waits."""
        held = self.held.get(lease.device)
        if not self.is_held(lease) or held is None:
            return
        self.acquire_in_turn(request)
        self.clock.now = held.expires
        self.heartbeat(lease)
        self.serve_the_queue()

    @rule(seconds=st.sampled_from([0.125, 1.0, 7.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(name=st.sampled_from(NAMES), state=st.sampled_from([DeviceState.AVAILABLE, *UNUSABLE]))
    def set_state(self, name: str, state: DeviceState) -> None:
        self.store.set_state(name, state, "it smelled", "me")
        self.states[name] = state

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.opened()
        assert self.store.store_id == self.identity

    @rule()
    def prune(self) -> None:
        self.store.prune(5.0)
        self.may_be_forgotten = {grant.secret for grant in self.issued if not self.is_held(grant)}

    @invariant()
    def the_store_says_what_is(self) -> None:
        for status in self.store.statuses():
            lease = self.held.get(status.name)
            held = lease is not None and lease.expires > self.clock.now
            state = self.states[status.name]
            assert status.state is (DeviceState.LEASED if held and state is DeviceState.AVAILABLE else state)
            assert status.expires == (lease.expires if held and lease is not None else None)
            assert (status.token is not None) == held


def servable(wanted: Wants, free: frozenset[str]) -> bool:
    return any(len(set(choice)) == len(choice) and free.issuperset(choice) for choice in product(*wanted))


@pytest.mark.parametrize("kind", KINDS)
def test_the_contract(kind: str, request: pytest.FixtureRequest) -> None:
    with opening(kind, request) as opens:
        machine = type("Machine", (StoreMachine,), {"open": staticmethod(opens)})
        run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))


@pytest.fixture(params=KINDS)
def clock_and_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[StoreClock, LeaseStore]]:
    clock = StoreClock()
    with opening(request.param, request) as opens:
        store = opens(tmp_path, clock)
        known(store, *NAMES)
        yield clock, store
        store.close()


def want(*names: str, ttl: float = 60.0) -> LeaseRequest:
    return LeaseRequest(tuple((name,) for name in names), "me@here", "testing", ttl)


def granted(store: LeaseStore, request: LeaseRequest) -> tuple[Grant, ...]:
    answer = store.acquire(request, queue=False)
    assert not isinstance(answer, Waiting)
    return answer


def test_a_lost_lease_says_whose_and_to_whom(clock_and_store: tuple[StoreClock, LeaseStore]) -> None:
    clock, store = clock_and_store
    (lease,) = granted(store, want("a"))
    clock.now += 61
    granted(store, LeaseRequest((("a",),), "other@there", "x", 60.0))
    with pytest.raises(LeaseLost) as caught:
        store.heartbeat(lease.secret)
    for part in ("me@here on a", "token 1", "expired", "2027-01-15T08:01:00Z", "other@there holds the device now"):
        assert part in str(caught.value)


def test_an_expired_lease_is_not_brought_back_by_its_holder(clock_and_store: tuple[StoreClock, LeaseStore]) -> None:
    clock, store = clock_and_store
    (lease,) = granted(store, want("a"))
    clock.now += 59
    assert store.heartbeat(lease.secret).left == 60.0
    clock.now += 60
    with pytest.raises(LeaseLost, match="expired"):
        store.heartbeat(lease.secret)
    with pytest.raises(LeaseLost):
        store.holding(lease.secret)
    assert store.statuses(["a"])[0].state is DeviceState.AVAILABLE
    assert store.release(lease.secret) is False


def test_the_secret_is_never_listed(clock_and_store: tuple[StoreClock, LeaseStore], tmp_path: Path) -> None:
    _, store = clock_and_store
    (lease,) = granted(store, want("a"))
    assert lease.secret not in f"{store.statuses()}{store.history('a')}{lease}"
    assert all(lease.secret.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_waiting_says_who_holds_what_and_when_to_ask_again(clock_and_store: tuple[StoreClock, LeaseStore]) -> None:
    clock, store = clock_and_store
    granted(store, want("a", ttl=30.0))
    store.set_state("b", DeviceState.QUARANTINED, "too hot", "me")
    clock.now += 10
    answer = store.acquire(LeaseRequest((("a", "b"),), "you", "x", 5.0), queue=True)
    assert isinstance(answer, Waiting)
    assert (answer.position, answer.retry_in) == (1, 20.0)
    assert [(status.name, status.holder, status.reason) for status in answer.wanted] == [
        ("a", "me@here", None),
        ("b", None, "too hot"),
    ]
    second = store.acquire(LeaseRequest((("a",),), "he", "x", 5.0), queue=True)
    assert isinstance(second, Waiting)
    assert second.position == 2


def test_who_does_not_come_for_a_device_is_passed_over_until_it_asks_again(
    clock_and_store: tuple[StoreClock, LeaseStore],
) -> None:
    clock, store = clock_and_store
    stopped, awake = LeaseRequest((("a",),), "stopped", "x", 60.0), LeaseRequest((("a",),), "awake", "x", 60.0)
    (first,) = granted(store, want("a"))
    assert isinstance(store.acquire(stopped, queue=True), Waiting)
    assert isinstance(store.acquire(awake, queue=True), Waiting)
    store.release(first.secret)
    clock.now += PROMISE_TTL
    assert isinstance(store.acquire(awake, queue=True), Waiting), "it is kept for whoever came first"
    clock.now += 1
    (second,) = granted(store, awake)
    assert isinstance(store.acquire(stopped, queue=True), Waiting)
    assert isinstance(store.acquire(LeaseRequest((("a",),), "new", "x", 60.0), queue=True), Waiting)
    store.release(second.secret)
    (third,) = granted(store, stopped)
    assert third.owner == "stopped", "its place was kept"


def test_history_tells_every_transition(clock_and_store: tuple[StoreClock, LeaseStore]) -> None:
    clock, store = clock_and_store
    (lease,) = granted(store, want("a"))
    store.release(lease.secret, "done")
    granted(store, want("a"))
    clock.now += 100
    granted(store, want("a"))
    store.set_state("a", DeviceState.OFFLINE, "cable", "you")
    assert [
        (line.at - START, line.state.value, line.reason, line.author, line.token) for line in store.history("a")
    ] == [
        (0, "available", "listed as local", "inventory", None),
        (0, "leased", "testing", "me@here", 1),
        (0, "available", "done", "me@here", 1),
        (0, "leased", "testing", "me@here", 2),
        (60, "available", "the lease expired", "me@here", 2),
        (100, "leased", "testing", "me@here", 3),
        (100, "offline", "cable", "you", None),
    ]


def test_what_was_learnt_belongs_to_the_unit(clock_and_store: tuple[StoreClock, LeaseStore]) -> None:
    _, store = clock_and_store
    (lease,) = granted(store, want("a"))
    store.learn(lease.secret, "pi", {"abi": "aarch64"})
    store.register([Registration("a", "local", "local")])
    (status,) = store.statuses(["a"])
    assert (status.model, status.facts) == ("pi", {"abi": "aarch64"})
    store.register([Registration("a", "ssh:elsewhere", "board")])
    (status,) = store.statuses(["a"])
    assert (status.model, status.facts, status.connect) == (None, {}, "ssh:elsewhere")


def test_unknown_names(clock_and_store: tuple[StoreClock, LeaseStore]) -> None:
    _, store = clock_and_store
    with pytest.raises(NoSuchDevice, match="there are: a, b, c"):
        store.set_state("z", DeviceState.OFFLINE, "x", "me")
    with pytest.raises(NoSuchLease):
        store.learn("f00", "pi", {})
    with pytest.raises(NoSuchLease):
        store.heartbeat("f00")
    with pytest.raises(NoSuchLease):
        store.release("f00")


def test_files_that_are_no_store_of_ours(tmp_path: Path) -> None:
    import sqlite3

    (tmp_path / "text.db").write_text("this is no database at all, whatever its name may say" * 30)
    with pytest.raises(StoreFailed, match=r"text\.db"):
        open_store(f"sqlite:///{tmp_path / 'text.db'}")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreFailed, match="no store of ontarget: it has the tables recipes"):
        open_store(f"sqlite:///{tmp_path / 'other.db'}")
    open_store(f"sqlite:///{tmp_path / 'new.db'}").close()
    with sqlite3.connect(tmp_path / "new.db") as newer:
        newer.execute("UPDATE ontarget_schema SET version_num = '0099'")
    with pytest.raises(NewerSchema, match=r"schema 99, and this ontarget knows up to \d+: update ontarget"):
        open_store(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(UnsupportedStore, match="this version knows sqlite:///PATH and postgresql://"):
        open_store("mysql://lab/farm")
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match="cannot make the folder"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'x.db'}")
