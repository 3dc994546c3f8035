"""`Book` on SQLite: each change is one transaction, which has the file to itself."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, insert, literal, or_, select, update
from sqlalchemy.exc import OperationalError

from ontarget.device_farm.database import Database
from ontarget.device_farm.leases.book import Answer, Ask, Granted, LeaseRow, NewLease, digest, lease_row
from ontarget.device_farm.leases.schema import devices, leases, members, pools, store, transitions, waiters, wants
from ontarget.device_farm.leases.sqlite_queue import Queue, recount
from ontarget.device_farm.leases.store import (
    PROMISE_TTL,
    WAITER_TTL,
    DeviceState,
    LeaseRequest,
    Registration,
    Transition,
    Wait,
)

_GLANCE = 0.01  # seconds between two looks at PRAGMA data_version, which costs some microseconds and takes no lock
_DATA_VERSION = "PRAGMA data_version"
_MISSING = select(waiters.c.missing).where(waiters.c.ticket_hash == bindparam("ticket"))
_EXPIRED = (
    select(leases).where(leases.c.ended.is_(None), leases.c.expires <= bindparam("now")).order_by(leases.c.expires)
)
_LAPSED = (
    select(waiters.c.ticket_hash)
    .where(waiters.c.seen < bindparam("before"))
    .order_by(waiters.c.urgency, waiters.c.place)
)
_FIND = select(leases).where(leases.c.secret_hash == bindparam("hash"))
_END = (
    update(leases)
    .where(leases.c.id == bindparam("lease"))
    .values(ended=bindparam("at"), end_reason=bindparam("reason"))
)
_LET_GO = update(devices).where(devices.c.name == bindparam("device")).values(lease=None)
_HOLD = (
    update(devices)
    .where(devices.c.name == bindparam("device"))
    .values(lease=bindparam("by"), promised=None, promised_want=None, uses=devices.c.uses + 1)
)
_NEXT_TOKEN = update(store).values(token=store.c.token + 1).returning(store.c.token)
_NEXT_PLACE = update(store).values(place=store.c.place + 1).returning(store.c.place)
_EXTEND = update(leases).where(leases.c.id == bindparam("lease")).values(expires=bindparam("until"))
_KNOWN = select(pools.c.id, pools.c.used).where(pools.c.id.in_(bindparam("ids", expanding=True)))
_NOTE = insert(transitions)
_LEASE = insert(leases)
_STALE = 3600.0


class _NotAll(Exception):
    """Something that is wanted is not to be had, and the request does not wait."""


class SqliteBook:
    """See `ontarget.device_farm.leases.book.Book`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = select(database.now)
        # one look, as most often nothing has ended
        due = (
            exists().where(leases.c.ended.is_(None), leases.c.expires <= database.now),
            exists().where(waiters.c.missing == 0, waiters.c.seen < database.now - PROMISE_TTL),
            exists().where(waiters.c.seen < database.now - WAITER_TTL),
        )
        self._look = select(database.now, or_(*due))

    def ask(self, ask: Ask) -> Answer:
        request = ask.request
        ticket = digest(request.ticket)
        with self._database.writing() as connection:
            now = self._swept(connection)
            self._make_known(connection, ask, now)
            queue = Queue(connection, now)
            me = queue.waiter(ticket)
            if me is None:
                # most often something is free, and nobody has to be written into the queue
                device = queue.pick(ask.pools[0].id, request.prefer) if len(ask.pools) == 1 else None
                if device is not None:
                    return Answer(now, (_grant(connection, now, request, ask.leases[0], device),))
                place = connection.execute(_NEXT_PLACE).scalar_one()
                try:
                    with _as_if_not_been(connection):
                        _enter(connection, ask, ticket, place, now)
                        queue.refill(ticket, request.prefer)
                        me = queue.waiter(ticket)
                        if me is None or (me.missing and not ask.queue):
                            raise _NotAll
                except _NotAll:
                    return Answer(now, urgency=-request.priority, place=place)
            else:
                connection.execute(update(waiters).where(waiters.c.ticket_hash == ticket).values(seen=now))
                if me.missing < 0:
                    queue.wake(ticket, request.prefer)
                    me = queue.waiter(ticket)
                    if me is None:
                        raise RuntimeError("a place in the queue was there, and is not, within one transaction")
            if me.missing:
                return Answer(now, urgency=me.urgency, place=me.place)
            kept = queue.promised(ticket)
            queue.remove(ticket)
            waited = now - (me.since if me.since is not None else now)
            granted = [_grant(connection, now, request, ask.leases[want], kept[want], waited) for want in sorted(kept)]
            return Answer(now, tuple(granted))

    def leave(self, ticket: str) -> None:
        with self._database.writing() as connection:
            queue = Queue(connection, self._swept(connection))
            queue.offer(queue.remove(digest(ticket)))

    @contextmanager
    def watch(self, ticket: str) -> Iterator[Wait]:
        mine = {"ticket": digest(ticket)}
        with self._database.translated(), self._database.engine.connect() as connection:
            version = -1
            # hundreds of looks a second for each who waits: past SQLAlchemy, which makes of 2 µs more than 50
            driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]

            def wait(seconds: float) -> None:
                nonlocal version
                end = time.monotonic() + seconds
                while True:
                    now = _data_version(driver)
                    if now != version:
                        version = now
                        missing = connection.execute(_MISSING, mine).scalar_one_or_none()
                        if missing is None or missing <= 0:
                            return  # it has all, or had and did not come, or has lost its place
                    left = end - time.monotonic()
                    if left <= 0:
                        return
                    time.sleep(min(_GLANCE, left))

            yield wait

    def find(self, secret: str) -> LeaseRow | None:
        with self._database.reading() as connection:
            return _find(connection, secret, self._time(connection))

    def heartbeat(self, secret: str) -> LeaseRow | None:
        with self._database.writing() as connection:
            now = self._time(connection)
            lease = _find(connection, secret, now)
            if lease is None or not lease.open:
                return lease
            connection.execute(_EXTEND, {"lease": lease.id, "until": now + lease.ttl})
            return _find(connection, secret, now)

    def release(self, secret: str, reason: str) -> bool | None:
        with self._database.writing() as connection:
            now = self._swept(connection)
            lease = _find(connection, secret, now)
            if lease is None or not lease.open:
                return None if lease is None else False
            _end(connection, lease, now, reason, reason, lease.owner)
            Queue(connection, now).offer([lease.device])
            return True

    def learn(self, secret: str, model: str, facts: str) -> bool:
        with self._database.writing() as connection:
            lease = _find(connection, secret, self._time(connection))
            if lease is None or not lease.open:
                return False
            known = devices.c.name == lease.device
            before = connection.execute(select(devices.c.model).where(known)).scalar_one()
            connection.execute(update(devices).where(known).values(model=model, facts=facts))
            if before != model:
                recount(connection)
            return True

    def withdraw(self, secret: str, state: DeviceState, reason: str) -> bool:
        with self._database.writing() as connection:
            now = self._swept(connection)
            lease = _find(connection, secret, now)
            if lease is None or not lease.open:
                return False
            return _change_state(connection, now, lease.device, state, reason, lease.owner)

    def checked(self, secret: str) -> bool:
        with self._database.writing() as connection:
            now = self._time(connection)
            lease = _find(connection, secret, now)
            if lease is None or not lease.open:
                return False
            connection.execute(update(devices).where(devices.c.name == lease.device).values(checked=now, uses=0))
            return True

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> bool:
        with self._database.writing() as connection:
            return _change_state(connection, self._swept(connection), device, state, reason, author)

    def free(self, device: str, reason: str, author: str) -> bool:
        with self._database.writing() as connection:
            now = self._swept(connection)
            held = select(leases).where(leases.c.device == device, leases.c.ended.is_(None))
            row = connection.execute(held).mappings().first()
            if row is None:
                return False
            why = f"ended by {author}: {reason}"
            _end(connection, lease_row(row, now), now, why, f"ended by force: {reason}", author)
            Queue(connection, now).offer([device])
            return True

    def register(self, devices_listed: Sequence[Registration], author: str) -> None:
        with self._database.writing() as connection:
            now = self._swept(connection)
            for entry in devices_listed:
                _register(connection, entry, now, author)
            recount(connection)
            Queue(connection, now).offer(entry.name for entry in devices_listed)

    def recall(self, lines: Sequence[Transition]) -> None:
        with self._database.writing() as connection:
            for line in lines:
                # a file has microseconds
                same = transitions.c.at.between(line.at - 1e-5, line.at + 1e-5) & (transitions.c.device == line.device)
                same &= (transitions.c.reason == line.reason) & (transitions.c.author == line.author)
                if connection.execute(select(transitions.c.id).where(same).limit(1)).first() is None:
                    _note(connection, line.at, line.device, line.state, line.reason, line.author, line.token)

    def prune(self, age: float) -> int:
        with self._database.writing() as connection:
            before = self._time(connection) - age
            connection.execute(delete(transitions).where(transitions.c.at < before))
            forgotten = connection.execute(delete(leases).where(leases.c.ended < before)).rowcount
            wanted = exists().where(wants.c.pool == pools.c.id)
            connection.execute(delete(pools).where(pools.c.used < before, ~wanted))
            recount(connection)
            return forgotten

    def close(self) -> None:
        """Nothing runs beside the database."""

    def _time(self, connection: Connection) -> float:
        return float(connection.execute(self._now).scalar_one())

    def _swept(self, connection: Connection) -> float:
        """End what time has ended: leases, promises that nobody came for, places of the silent. Return the time."""
        now, due = connection.execute(self._look).one()
        if not due:
            return float(now)
        freed: list[str] = []
        for row in connection.execute(_EXPIRED, {"now": now}).mappings().all():
            lease = lease_row(row, now)
            _end(connection, lease, lease.expires, "expired without a heartbeat", "the lease expired", lease.owner)
            freed.append(lease.device)
        queue = Queue(connection, now)
        freed += queue.put_to_sleep(now - PROMISE_TTL)
        for ticket in connection.execute(_LAPSED, {"before": now - WAITER_TTL}).scalars().all():
            freed += queue.remove(ticket)
        queue.offer(freed)
        return now

    def _make_known(self, connection: Connection, ask: Ask, now: float) -> None:
        used = {row.id: row.used for row in connection.execute(_KNOWN, {"ids": [pool.id for pool in ask.pools]})}
        for pool in dict.fromkeys(ask.pools):
            if pool.id not in used:
                size = len(pool.names)
                connection.execute(insert(pools).values(id=pool.id, size=size, used=now))
                connection.execute(insert(members), [{"pool": pool.id, "device": name} for name in pool.names])
                within = devices.c.name.in_(select(members.c.device).where(members.c.pool == pool.id))
                connection.execute(update(devices).where(within).values(demand=devices.c.demand + literal(1.0 / size)))
            elif used[pool.id] < now - _STALE:
                connection.execute(update(pools).where(pools.c.id == pool.id).values(used=now))


def _data_version(driver: sqlite3.Connection) -> int:
    try:
        return int(driver.execute(_DATA_VERSION).fetchone()[0])
    except sqlite3.Error as error:
        raise OperationalError(_DATA_VERSION, None, error) from error  # as SQLAlchemy tells it


@contextmanager
def _as_if_not_been(connection: Connection) -> Iterator[None]:
    """Take back what is done in the block, if it fails."""
    connection.exec_driver_sql("SAVEPOINT asking")
    try:
        yield
    except _NotAll:
        connection.exec_driver_sql("ROLLBACK TO asking")
        raise
    finally:
        connection.exec_driver_sql("RELEASE asking")


def _find(connection: Connection, secret: str, now: float) -> LeaseRow | None:
    row = connection.execute(_FIND, {"hash": digest(secret)}).mappings().first()
    return None if row is None else lease_row(row, now)


def _enter(connection: Connection, ask: Ask, ticket: str, place: int, now: float) -> None:
    request = ask.request
    rank = {"urgency": -request.priority, "place": place}
    count = len(ask.pools)
    values = {"wanted": count, "missing": count, "owner": request.owner, "purpose": request.purpose, "seen": now}
    connection.execute(insert(waiters).values(ticket_hash=ticket, since=now, **rank, **values))
    lines = [{"ticket_hash": ticket, "number": n, "pool": pool.id, **rank} for n, pool in enumerate(ask.pools)]
    connection.execute(insert(wants), lines)


def _grant(
    connection: Connection, now: float, request: LeaseRequest, new: NewLease, device: str, waited: float = 0.0
) -> Granted:
    token = connection.execute(_NEXT_TOKEN).scalar_one()
    granted = Granted(new.id, device, token, now + request.ttl)
    values = {
        "id": new.id,
        "secret_hash": new.secret_hash,
        "device": device,
        "token": token,
        "owner": request.owner,
        "purpose": request.purpose,
        "ttl": request.ttl,
        "granted": now,
        "expires": granted.expires,
        "waited": waited,
    }
    connection.execute(_LEASE, values)
    connection.execute(_HOLD, {"device": device, "by": new.id})
    _note(connection, now, device, DeviceState.LEASED, request.purpose, request.owner, token)
    return granted


def _end(connection: Connection, lease: LeaseRow, at: float, why: str, noted: str, author: str) -> None:
    connection.execute(_END, {"lease": lease.id, "at": at, "reason": why})
    connection.execute(_LET_GO, {"device": lease.device})
    _note(connection, at, lease.device, DeviceState.AVAILABLE, noted, author, lease.token)


def _note(
    connection: Connection, at: float, device: str, state: DeviceState, reason: str, author: str, token: int | None
) -> None:
    values = {"at": at, "device": device, "state": state.value, "reason": reason, "author": author, "token": token}
    connection.execute(_NOTE, values)


def _change_state(
    connection: Connection, now: float, device: str, state: DeviceState, reason: str, author: str
) -> bool:
    values = {"state": state.value, "reason": reason, "author": author, "since": now}
    if not connection.execute(update(devices).where(devices.c.name == device).values(values)).rowcount:
        return False
    _note(connection, now, device, state, reason, author, None)
    queue = Queue(connection, now)
    if state is DeviceState.AVAILABLE:
        queue.offer([device])
    else:
        whose = queue.retract(device)
        if whose is not None:
            queue.refill(whose)
    return True


def _register(connection: Connection, entry: Registration, now: float, author: str) -> None:
    known = devices.c.name == entry.name
    row = connection.execute(select(devices).where(known)).first()
    if row is None:
        values: dict[str, Any] = {
            "name": entry.name,
            "connect": entry.connect,
            "kind": entry.kind,
            "model": entry.model,
        }
        first = {"facts": "{}", "state": DeviceState.AVAILABLE.value, "author": author, "since": now}
        connection.execute(insert(devices).values(**values, **first, demand=1.0, uses=0))
        _note(connection, now, entry.name, DeviceState.AVAILABLE, f"listed as {entry.connect}", author, None)
        return
    values = {"connect": entry.connect, "kind": entry.kind, "model": entry.model or row.model}
    if row.connect != entry.connect:
        # another unit: what was learnt about the one before is forgotten
        values |= {"model": entry.model, "facts": "{}"}
        _note(connection, now, entry.name, DeviceState(row.state), f"listed as {entry.connect}", author, None)
    connection.execute(update(devices).where(known).values(values))
