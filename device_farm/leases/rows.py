"""Rows of a SQL store as the values of the seam, and the changes that several methods make."""

import hashlib
import json
from typing import Any, cast

from sqlalchemy import Connection, Row, insert, select, update

from ontarget.device_farm.leases.schema import devices, leases, transitions
from ontarget.device_farm.leases.store import DeviceState, DeviceStatus, Grant


def statuses(connection: Connection, now: float) -> dict[str, DeviceStatus]:
    held = (leases.c.device == devices.c.name) & leases.c.ended.is_(None) & (leases.c.expires > now)
    columns = (leases.c.owner, leases.c.purpose, leases.c.token, leases.c.granted, leases.c.expires)
    rows = connection.execute(select(devices, *columns).select_from(devices).outerjoin(leases, held)).all()
    return {row.name: _status(row) for row in rows}


def _status(row: Row[Any]) -> DeviceStatus:
    state = DeviceState(row.state)
    return DeviceStatus(
        name=row.name,
        connect=row.connect,
        kind=row.kind,
        model=row.model,
        state=DeviceState.LEASED if state is DeviceState.AVAILABLE and row.owner is not None else state,
        reason=row.reason,
        since=row.since,
        facts=json.loads(row.facts),
        holder=row.owner,
        purpose=row.purpose,
        token=row.token,
        granted=row.granted,
        expires=row.expires,
    )


def find_lease(connection: Connection, secret: str) -> Row[Any] | None:
    return connection.execute(select(leases).where(leases.c.secret_hash == hash_secret(secret))).first()


def end_expired(connection: Connection, row: Row[Any]) -> None:
    """Record the end of a lease that ran out, as of when it did."""
    connection.execute(
        update(leases).where(leases.c.id == row.id).values(ended=row.expires, end_reason="expired without a heartbeat")
    )
    note(connection, row.expires, row.device, DeviceState.AVAILABLE, "the lease expired", row.owner, row.token)


def note(
    connection: Connection, at: float, device: str, state: DeviceState, reason: str, author: str, token: int | None
) -> None:
    values = {"at": at, "device": device, "state": state, "reason": reason, "author": author, "token": token}
    connection.execute(insert(transitions).values(values))


def grant_of(row: Row[Any], secret: str, expires: float, now: float) -> Grant:
    return Grant(
        lease=row.id,
        secret=secret,
        device=row.device,
        token=row.token,
        ttl=row.ttl,
        expires=expires,
        left=expires - now,
        owner=row.owner,
        purpose=row.purpose,
    )


def hash_secret(secret: str) -> str:
    # random 128 bits need no salt and no slow hash
    return hashlib.sha256(secret.encode()).hexdigest()


def wants_of(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(want) for want in cast(list[list[str]], json.loads(text)))
