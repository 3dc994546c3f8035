"""`LeaseStore` on a SQL database, SQLite or PostgreSQL, through SQLAlchemy Core."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, func, select

from ontarget.device_farm.database import Database, open_database
from ontarget.device_farm.database.patience import persistently
from ontarget.device_farm.durations import format_duration
from ontarget.device_farm.errors import LeaseLost, NoSuchDevice, NoSuchLease, NotPermitted
from ontarget.device_farm.leases import rows
from ontarget.device_farm.leases.book import Answer, Ask, Book, LeaseRow, NewLease, Pool
from ontarget.device_farm.leases.schema import devices, store
from ontarget.device_farm.leases.store import (
    DeviceState,
    DeviceStatus,
    Grant,
    LeaseRequest,
    LeaseStore,
    Registration,
    Transition,
    Wait,
    Waiting,
)
from ontarget.device_farm.times import rfc3339

T = TypeVar("T")
_TOLD_SECONDS = 12.0


def open_store(address: str) -> LeaseStore:
    """Open the store of an inventory; an SQLite file is made. Raises UnsupportedStore, StoreFailed, NewerSchema."""
    if address.startswith("labgrid://"):
        from ontarget.device_farm.labgrid.opening import open_labgrid

        return open_labgrid(address)
    database = open_database(address)
    try:
        return SqlLeaseStore(database)
    except BaseException:
        database.close()
        raise


class SqlLeaseStore:
    """See `ontarget.device_farm.leases.store.LeaseStore`. Reads alike on both databases; each has a `Book` to write."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._book = _book(database)
        self._now = select(database.now)
        self._outlook = rows.Outlook()
        self._pools: dict[tuple[str, ...], Pool] = {}
        self._told: dict[str, tuple[float, Waiting]] = {}
        with database.reading() as connection:
            self.store_id: str = connection.execute(select(store.c.store_id)).scalar_one()

    # Devices

    def register(self, registrations: Sequence[Registration], author: str = "inventory") -> None:
        known = self._read(lambda connection: {row.name: row for row in connection.execute(select(devices))})
        new = [entry for entry in registrations if not _is_current(known.get(entry.name), entry)]
        if not new:
            return  # it needs no turn at writing, nor the right to
        try:
            self._book.register(new, author)
        except NotPermitted as error:
            names = ", ".join(entry.name for entry in new[:10]) + (" and others" if len(new) > 10 else "")
            raise NotPermitted(
                f"the store {self._database.name} does not know {names} as the farm file lists them, and may be told "
                "by an administrator only: ontarget farm import"
            ) from error

    def learn(self, secret: str, model: str, facts: Mapping[str, Any]) -> None:
        if not self._book.learn(secret, model, json.dumps(dict(facts), sort_keys=True)):
            self._refuse(self._book.find(secret))

    def withdraw(self, secret: str, state: DeviceState, reason: str) -> None:
        if state not in (DeviceState.QUARANTINED, DeviceState.OFFLINE):
            raise ValueError(f"who holds a device can make it quarantined or offline, and not {state}")
        if not self._book.withdraw(secret, state, reason):
            self._refuse(self._book.find(secret))

    def checked(self, secret: str) -> None:
        if not self._book.checked(secret):
            self._refuse(self._book.find(secret))

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> None:
        if state is DeviceState.LEASED:
            raise ValueError("a device is leased by acquire()")
        if not self._book.set_state(device, state, reason, author):
            self._refuse_device(device)

    def free(self, device: str, reason: str, author: str) -> bool:
        freed = self._book.free(device, reason, author)
        if not freed and not self.statuses([device]):
            self._refuse_device(device)
        return freed

    def statuses(self, names: Sequence[str] | None = None) -> tuple[DeviceStatus, ...]:
        found = self._read(lambda connection: rows.statuses(connection, self._time(connection), names))
        return tuple(found[name] for name in sorted(found))

    def history(self, device: str | None = None, *, newest: int | None = None) -> tuple[Transition, ...]:
        return self._read(lambda connection: rows.history(connection, device, newest))

    def recall(self, lines: Sequence[Transition]) -> None:
        self._book.recall(lines)

    def prune(self, age: float) -> int:
        return self._book.prune(age)

    # Leases

    def acquire(self, request: LeaseRequest, *, queue: bool) -> tuple[Grant, ...] | Waiting:
        pools = tuple(self._pool(want) for want in request.wants)
        new = tuple(NewLease() for _ in pools)
        ask = Ask(request, pools, new, queue)
        answer = self._book.ask(ask)
        if not answer.granted:
            return self._waiting(ask, answer)
        self._told.pop(request.ticket, None)
        secret_of = {lease.id: lease.secret for lease in new}
        return tuple(
            Grant(
                lease=grant.id,
                secret=secret_of[grant.id],
                device=grant.device,
                token=grant.token,
                ttl=request.ttl,
                expires=grant.expires,
                left=grant.expires - answer.now,
                owner=request.owner,
                purpose=request.purpose,
            )
            for grant in answer.granted
        )

    def leave(self, ticket: str) -> None:
        self._told.pop(ticket, None)
        self._book.leave(ticket)

    def watch(self, ticket: str) -> AbstractContextManager[Wait]:
        return self._book.watch(ticket)

    def heartbeat(self, secret: str) -> Grant:
        return self._granted(self._book.heartbeat(secret), secret)

    def holding(self, secret: str) -> Grant:
        return self._granted(self._book.find(secret), secret)

    def release(self, secret: str, reason: str = "released") -> bool:
        ended = self._book.release(secret, reason)
        if ended is None:
            self._refuse(None)
        return ended

    def close(self) -> None:
        self._book.close()
        self._database.close()

    # Inside

    def _waiting(self, ask: Ask, answer: Answer) -> Waiting:
        """What somebody who waits is told; to look costs more than to ask, so all but the first are told rarely."""
        if not ask.queue:
            return self._read(lambda connection: self._outlook.refused(connection, answer, ask.pools))
        at, told = self._told.get(ask.request.ticket, (0.0, None))
        if told is not None and told.position > 1 and at <= answer.now < at + _TOLD_SECONDS:
            return told
        told = self._read(lambda connection: self._outlook.waiting(connection, answer, ask.pools))
        self._told[ask.request.ticket] = answer.now, told
        return told

    def _pool(self, names: tuple[str, ...]) -> Pool:
        if names not in self._pools:
            self._pools[names] = Pool.of(names)
        return self._pools[names]

    def _read(self, query: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self._database.reading() as connection:
                return query(connection)

        return persistently(once, self._database.name)

    def _time(self, connection: Connection) -> float:
        return float(connection.execute(self._now).scalar_one())

    def _granted(self, row: LeaseRow | None, secret: str) -> Grant:
        if row is None or not row.open:
            self._refuse(row)
        return Grant(
            lease=row.id,
            secret=secret,
            device=row.device,
            token=row.token,
            ttl=row.ttl,
            expires=row.expires,
            left=row.expires - row.now,
            owner=row.owner,
            purpose=row.purpose,
        )

    def _refuse(self, row: LeaseRow | None) -> NoReturn:
        if row is None:
            raise NoSuchLease(
                f"the store {self._database.name} never gave out such a lease, or has forgotten it: the LEASE that "
                "`ontarget reserve` prints is meant, with the same --farm"
            )
        end = row.expires if row.ended is None else row.ended
        reason = "expired" if row.ended is None else row.end_reason
        holder = next((status.holder for status in self.statuses([row.device])), None)
        since = f"; {holder} holds the device now" if holder else ""
        raise LeaseLost(
            f"the lease of {row.owner} on {row.device} (token {row.token}, for {format_duration(row.ttl)}) ended at "
            f"{rfc3339(end)}: {reason}{since}. What was going on is not to be trusted from then on: lease again and "
            "repeat it",
            device=row.device,
        )

    def _refuse_device(self, device: str) -> NoReturn:
        by_name = select(devices.c.name).order_by(func.lower(devices.c.name))
        known = self._read(lambda connection: connection.execute(by_name).scalars().all())
        raise NoSuchDevice(f"no device is named {device!r}; there are: {', '.join(known) or 'none'}")


def _book(database: Database) -> Book:
    if database.is_sqlite:
        from ontarget.device_farm.leases.sqlite_book import SqliteBook

        return SqliteBook(database)
    from ontarget.device_farm.leases.postgresql_book import PostgresqlBook

    return PostgresqlBook(database)


def _is_current(row: Any, entry: Registration) -> bool:
    return (
        row is not None
        and (row.connect, row.kind) == (entry.connect, entry.kind)
        and (entry.model is None or row.model == entry.model)
    )
