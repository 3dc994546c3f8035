"""`Book` on PostgreSQL: each change is one call of a function there (migrations/versions/0001_leases.sql)."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import TextClause, text

from ontarget.device_farm.database import Database
from ontarget.device_farm.database.listener import Listener
from ontarget.device_farm.database.patience import persistently
from ontarget.device_farm.leases.book import Answer, Ask, Granted, LeaseRow, digest, lease_row
from ontarget.device_farm.leases.store import DeviceState, Registration, Transition, Wait

_ASK = text("SELECT ontarget_ask(:ticket, :pools, :ids, :hashes, :owner, :purpose, :ttl, :priority, :queue, :prefer)")
_POOL = text("SELECT ontarget_pool(:id, :names)")
_LEAVE = text("SELECT ontarget_leave(:ticket)")
_HOLDING = text("SELECT ontarget_holding(:secret)")
_HEARTBEAT = text("SELECT ontarget_heartbeat(:secret)")
_RELEASE = text("SELECT ontarget_release(:secret, :reason)")
_LEARN = text("SELECT ontarget_learn(:secret, :model, :facts)")
_WITHDRAW = text("SELECT ontarget_withdraw(:secret, :state, :reason)")
_CHECKED = text("SELECT ontarget_checked(:secret)")
_SET_STATE = text("SELECT ontarget_set_state(:device, :state, :reason, :author)")
_FREE = text("SELECT ontarget_free(:device, :reason, :author)")
_REGISTER = text("SELECT ontarget_register(CAST(:entries AS jsonb), :author)")
_RECALL = text("SELECT ontarget_recall(CAST(:lines AS jsonb))")
_PRUNE = text("SELECT ontarget_prune(:age)")
_SETTLE = text("SELECT ontarget_settle()")


def _always(_result: Any) -> bool:
    return True


def _never(_result: Any) -> bool:
    return False


def _is_granted(answer: Any) -> bool:
    """A place in the queue may be lost with the power."""
    return "granted" in answer


class PostgresqlBook:
    """See `ontarget.device_farm.leases.book.Book`. Each call may be made again after a cut connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener = Listener(database, "ontarget_ready")

    def ask(self, ask: Ask) -> Answer:
        request = ask.request
        values: dict[str, Any] = {
            "ticket": request.ticket,
            "pools": [pool.id for pool in ask.pools],
            "ids": [lease.id for lease in ask.leases],
            "hashes": [lease.secret_hash for lease in ask.leases],
            "owner": request.owner,
            "purpose": request.purpose,
            "ttl": request.ttl,
            "priority": request.priority,
            "queue": ask.queue,
            "prefer": list(request.prefer),
        }
        answer = self._call(_ASK, settle=_is_granted, **values)
        while "unknown" in answer:
            for pool in ask.pools:
                if pool.id in answer["unknown"]:
                    self._call(_POOL, id=pool.id, names=list(pool.names))
            answer = self._call(_ASK, settle=_is_granted, **values)
        granted = tuple(Granted(**grant) for grant in answer.get("granted", ()))
        return Answer(answer["now"], granted, answer.get("urgency") or 0, answer.get("place") or 0)

    def leave(self, ticket: str) -> None:
        self._call(_LEAVE, ticket=ticket)

    @contextmanager
    def watch(self, ticket: str) -> Iterator[Wait]:
        with self._listener.hearing(digest(ticket)[:16]) as wait:
            yield wait

    def find(self, secret: str) -> LeaseRow | None:
        return _row(self._call(_HOLDING, settle=_never, secret=secret))

    def heartbeat(self, secret: str) -> LeaseRow | None:
        return _row(self._call(_HEARTBEAT, settle=_never, secret=secret))  # its commit waits for the disk itself

    def release(self, secret: str, reason: str) -> bool | None:
        ended: bool | None = self._call(_RELEASE, secret=secret, reason=reason)
        return ended

    def learn(self, secret: str, model: str, facts: str) -> bool:
        return bool(self._call(_LEARN, secret=secret, model=model, facts=facts))

    def withdraw(self, secret: str, state: DeviceState, reason: str) -> bool:
        return bool(self._call(_WITHDRAW, secret=secret, state=state.value, reason=reason))

    def checked(self, secret: str) -> bool:
        return bool(self._call(_CHECKED, secret=secret))

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> bool:
        return bool(self._call(_SET_STATE, device=device, state=state.value, reason=reason, author=author))

    def free(self, device: str, reason: str, author: str) -> bool:
        return bool(self._call(_FREE, device=device, reason=reason, author=author))

    def register(self, devices: Sequence[Registration], author: str) -> None:
        entries = [
            {"name": entry.name, "connect": entry.connect, "kind": entry.kind, "model": entry.model}
            for entry in devices
        ]
        self._call(_REGISTER, entries=json.dumps(entries), author=author)

    def recall(self, lines: Sequence[Transition]) -> None:
        values = [
            {
                "at": line.at,
                "device": line.device,
                "state": line.state.value,
                "reason": line.reason,
                "author": line.author,
                "token": line.token,
            }
            for line in lines
        ]
        self._call(_RECALL, lines=json.dumps(values))

    def prune(self, age: float) -> int:
        return int(self._call(_PRUNE, age=age))

    def close(self) -> None:
        self._listener.close()

    def _call(self, function: TextClause, *, settle: Callable[[Any], bool] = _always, **values: Any) -> Any:
        """Call, and where `settle` says so of the result wait until no crash can take it back: only then is it told.

        A server that crashes in between may have forgotten it, so then all is done again.
        """

        def once() -> Any:
            with self._database.translated(), self._database.engine.connect() as connection:
                result = connection.execute(function, values).scalar_one()
                if settle(result):
                    connection.execute(_SETTLE)
            return result

        call: Callable[[], Any] = once
        return persistently(call, self._database.name)


def _row(found: Any) -> LeaseRow | None:
    return None if found is None else lease_row(found, found["now"])
