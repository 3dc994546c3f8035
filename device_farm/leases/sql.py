"""`LeaseStore` on a SQL database, through SQLAlchemy Core."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from ontarget.device_farm.durations import format_duration
from ontarget.device_farm.errors import LeaseLost, NewerSchema, NoSuchDevice, NoSuchLease, StoreFailed, UnsupportedStore
from ontarget.device_farm.leases.rows import end_expired, find_lease, grant_of, hash_secret, note, statuses
from ontarget.device_farm.leases.schema import SCHEMA, devices, leases, metadata, store, transitions, waiters
from ontarget.device_farm.leases.sqlite import SqliteBackend
from ontarget.device_farm.leases.store import (
    WAITER_TTL,
    DeviceState,
    DeviceStatus,
    Grant,
    LeaseRequest,
    LeaseStore,
    Registration,
    Transition,
    Waiting,
)
from ontarget.device_farm.leases.turn import Turn
from ontarget.device_farm.times import rfc3339

_SCHEME = "sqlite:///"


class Backend(Protocol):
    """What differs between databases."""

    name: str
    now: ColumnElement[float]

    @property
    def engine(self) -> Any: ...
    def reading(self) -> AbstractContextManager[Connection]: ...
    def writing(self) -> AbstractContextManager[Connection]: ...
    def watch(self, mark: Callable[[Connection], int]) -> AbstractContextManager[Callable[[float], None]]: ...


def open_store(address: str) -> LeaseStore:
    """Open the store of an inventory, making it if there is none. Raises UnsupportedStore, StoreFailed, NewerSchema."""
    if address.startswith("labgrid://"):
        from ontarget.device_farm.labgrid.opening import open_labgrid

        return open_labgrid(address)
    if not address.startswith(_SCHEME) or address == _SCHEME:
        raise UnsupportedStore(f"cannot open the store {address!r}: this version knows sqlite:///PATH")
    return SqlLeaseStore(SqliteBackend(Path(address.removeprefix(_SCHEME))))


class SqlLeaseStore:
    """See `ontarget.device_farm.leases.store.LeaseStore`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with self._translated():
            self.store_id = self._open_schema()

    # Devices

    def register(self, registrations: Sequence[Registration]) -> None:
        with self._translated():
            with self._backend.reading() as connection:
                known = _by_name(connection.execute(select(devices)))
            if all(_is_current(known.get(entry.name), entry) for entry in registrations):
                return  # the usual case needs no turn at writing
            with self._backend.writing() as connection:
                known = _by_name(connection.execute(select(devices)))
                now = self._now(connection)
                for entry in registrations:
                    self._register(connection, known.get(entry.name), entry, now)

    def learn(self, device: str, model: str, facts: Mapping[str, Any]) -> None:
        values = {"model": model, "facts": json.dumps(dict(facts), sort_keys=True)}
        with self._translated(), self._backend.writing() as connection:
            if not connection.execute(update(devices).where(devices.c.name == device).values(values)).rowcount:
                _refuse_device(connection, device)

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> None:
        if state is DeviceState.LEASED:
            raise ValueError("a device is leased by acquire()")
        with self._translated(), self._backend.writing() as connection:
            now = self._now(connection)
            changed = connection.execute(
                update(devices).where(devices.c.name == device).values(state=state, reason=reason, since=now)
            )
            if not changed.rowcount:
                _refuse_device(connection, device)
            note(connection, now, device, state, reason, author, None)
            _wake_waiters(connection)

    def statuses(self, names: Sequence[str] | None = None) -> tuple[DeviceStatus, ...]:
        with self._translated(), self._backend.reading() as connection:
            found = statuses(connection, self._now(connection))
        return tuple(found[name] for name in sorted(found) if names is None or name in names)

    def history(self, device: str) -> tuple[Transition, ...]:
        query = select(transitions).where(transitions.c.device == device).order_by(transitions.c.id)
        with self._translated(), self._backend.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(
            Transition(row.at, row.device, DeviceState(row.state), row.reason, row.author, row.token) for row in rows
        )

    def prune(self, age: float) -> int:
        with self._translated(), self._backend.writing() as connection:
            before = self._now(connection) - age
            connection.execute(delete(transitions).where(transitions.c.at < before))
            return connection.execute(delete(leases).where(leases.c.ended < before)).rowcount

    # Leases

    def acquire(self, request: LeaseRequest, *, queue: bool) -> tuple[Grant, ...] | Waiting:
        with self._translated():
            if queue:
                # a look takes no lock: most of those who wait have to go on waiting
                with self._backend.reading() as connection:
                    turn = Turn(connection, self._now(connection), request)
                if turn.seen is not None and not turn.chosen and turn.now - turn.seen < WAITER_TTL / 3:
                    return turn.waiting()
            with self._backend.writing() as connection:
                turn = Turn(connection, self._now(connection), request)
                if turn.drop_lapsed():
                    _wake_waiters(connection)
                if turn.chosen:
                    connection.execute(delete(waiters).where(waiters.c.ticket == request.ticket))
                    return tuple(self._grant(connection, turn.now, request, device) for device in turn.chosen)
                if queue:
                    self._keep_place(connection, turn)
                return turn.waiting()

    def leave(self, ticket: str) -> None:
        with self._translated(), self._backend.writing() as connection:
            connection.execute(delete(waiters).where(waiters.c.ticket == ticket))
            _wake_waiters(connection)

    @contextmanager
    def watch(self) -> Iterator[Callable[[float], None]]:
        with self._translated(), self._backend.watch(_freed) as changed:
            yield changed

    def heartbeat(self, secret: str) -> Grant:
        with self._translated(), self._backend.writing() as connection:
            now = self._now(connection)
            row = self._held(connection, secret, now)
            expires = now + row.ttl
            connection.execute(update(leases).where(leases.c.id == row.id).values(expires=expires))
        return grant_of(row, secret, expires, now)

    def holding(self, secret: str) -> Grant:
        with self._translated(), self._backend.reading() as connection:
            now = self._now(connection)
            row = self._held(connection, secret, now)
        return grant_of(row, secret, row.expires, now)

    def release(self, secret: str, reason: str = "released") -> bool:
        with self._translated(), self._backend.writing() as connection:
            row = find_lease(connection, secret)
            if row is None:
                raise _no_such_lease(self._backend.name)
            now = self._now(connection)
            if row.ended is not None:
                return False
            if row.expires <= now:
                end_expired(connection, row)
                return False
            connection.execute(update(leases).where(leases.c.id == row.id).values(ended=now, end_reason=reason))
            note(connection, now, row.device, DeviceState.AVAILABLE, reason, row.owner, row.token)
            _wake_waiters(connection)
        return True

    def close(self) -> None:
        self._backend.engine.dispose()

    # Inside

    def _now(self, connection: Connection) -> float:
        return float(connection.execute(select(self._backend.now)).scalar_one())

    def _open_schema(self) -> str:
        with self._backend.reading() as connection:
            found = _read_schema(connection, self._backend.name)
        if found is None:
            with self._backend.writing() as connection:
                found = _read_schema(connection, self._backend.name)
                if found is None:
                    found = SCHEMA, secrets.token_hex(16)
                    metadata.create_all(connection)
                    now = self._now(connection)
                    values = {
                        "schema": SCHEMA,
                        "store_id": found[1],
                        "created": now,
                        "token": 0,
                        "place": 0,
                        "freed": 0,
                    }
                    connection.execute(insert(store).values(values))
        schema, store_id = found
        if schema > SCHEMA:
            raise NewerSchema(
                f"the store {self._backend.name} has schema {schema}, and this ontarget knows up to {SCHEMA}: "
                "update ontarget, or use another store"
            )
        return store_id

    def _register(self, connection: Connection, row: Row[Any] | None, entry: Registration, now: float) -> None:
        if row is None:
            values = {"name": entry.name, "connect": entry.connect, "kind": entry.kind, "model": entry.model}
            connection.execute(
                insert(devices).values(**values, facts="{}", state=DeviceState.AVAILABLE, reason=None, since=now)
            )
            return
        same_unit = row.connect == entry.connect
        connection.execute(
            update(devices)
            .where(devices.c.name == entry.name)
            .values(
                connect=entry.connect,
                kind=entry.kind,
                model=entry.model or (row.model if same_unit else None),
                facts=row.facts if same_unit else "{}",
            )
        )

    def _grant(self, connection: Connection, now: float, request: LeaseRequest, device: str) -> Grant:
        expired = connection.execute(select(leases).where(leases.c.device == device, leases.c.ended.is_(None))).first()
        if expired is not None:
            end_expired(connection, expired)
        token = connection.execute(update(store).values(token=store.c.token + 1).returning(store.c.token)).scalar_one()
        grant = Grant(
            lease=secrets.token_hex(8),
            secret=secrets.token_hex(16),
            device=device,
            token=token,
            ttl=request.ttl,
            expires=now + request.ttl,
            left=request.ttl,
            owner=request.owner,
            purpose=request.purpose,
        )
        connection.execute(
            insert(leases).values(
                id=grant.lease,
                secret_hash=hash_secret(grant.secret),
                device=device,
                token=token,
                owner=grant.owner,
                purpose=grant.purpose,
                ttl=grant.ttl,
                granted=now,
                expires=grant.expires,
            )
        )
        note(connection, now, device, DeviceState.LEASED, request.purpose, request.owner, token)
        return grant

    def _keep_place(self, connection: Connection, turn: Turn) -> None:
        request = turn.request
        if turn.seen is not None:
            connection.execute(update(waiters).where(waiters.c.ticket == request.ticket).values(seen=turn.now))
            return
        place = connection.execute(update(store).values(place=store.c.place + 1).returning(store.c.place)).scalar_one()
        values = {
            "ticket": request.ticket,
            "place": place,
            "priority": request.priority,
            "wants": json.dumps(request.wants),
            "owner": request.owner,
            "purpose": request.purpose,
            "seen": turn.now,
        }
        connection.execute(insert(waiters).values(values))

    def _held(self, connection: Connection, secret: str, now: float) -> Row[Any]:
        row = find_lease(connection, secret)
        if row is None:
            raise _no_such_lease(self._backend.name)
        if row.ended is None and row.expires > now:
            return row
        end = row.expires if row.ended is None else row.ended
        reason = "expired" if row.ended is None else row.end_reason
        holder = statuses(connection, now)[row.device].holder
        since = f"; {holder} holds the device now" if holder else ""
        raise LeaseLost(
            f"the lease of {row.owner} on {row.device} (token {row.token}, for {format_duration(row.ttl)}) ended at "
            f"{rfc3339(end)}: {reason}{since}. What was going on is not to be trusted from then on: lease again and "
            "repeat it",
            device=row.device,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The one place where the database's errors become ours."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StoreFailed(
                f"the store {self._backend.name} failed: {cause}; see that the file is a store of ontarget, can be "
                "written, and that its disk has room"
            ) from error


def _read_schema(connection: Connection, name: str) -> tuple[int, str] | None:
    """Return schema and identity; None for an empty database."""
    tables = inspect(connection).get_table_names()
    if store.name in tables:
        row = connection.execute(select(store.c.schema, store.c.store_id)).one()
        return row.schema, row.store_id
    if tables:
        raise StoreFailed(f"{name} is a database, and no store of ontarget: it has the tables {', '.join(tables)}")
    return None


def _freed(connection: Connection) -> int:
    return int(connection.execute(select(store.c.freed)).scalar_one())


def _wake_waiters(connection: Connection) -> None:
    connection.execute(update(store).values(freed=store.c.freed + 1))


def _by_name(rows: Any) -> dict[str, Row[Any]]:
    return {row.name: row for row in rows}


def _is_current(row: Row[Any] | None, entry: Registration) -> bool:
    return (
        row is not None
        and (row.connect, row.kind) == (entry.connect, entry.kind)
        and (entry.model is None or row.model == entry.model)
    )


def _no_such_lease(name: str) -> NoSuchLease:
    return NoSuchLease(
        f"the store {name} never gave out such a lease, or has forgotten it: the LEASE that `ontarget reserve` prints "
        "is meant, with the same --farm"
    )


def _refuse_device(connection: Connection, device: str) -> NoReturn:
    known = [row.name for row in connection.execute(select(devices.c.name).order_by(func.lower(devices.c.name)))]
    raise NoSuchDevice(f"no device is named {device!r}; there are: {', '.join(known) or 'none'}")
