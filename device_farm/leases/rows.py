"""What is read from a SQL store, as the values of the seam."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, distinct, exists, func, select, tuple_

from ontarget.device_farm.leases.book import Answer, Pool
from ontarget.device_farm.leases.schema import devices, leases, members, transitions, wants
from ontarget.device_farm.leases.store import DeviceState, DeviceStatus, Transition, Waiting

_MANY = 500
"""Names that are still looked up one by one."""
_SHOWN = 8
"""Devices that a waiting line tells of."""
_SOON = 64
"""Leases among which the next to end is looked for where many devices would do."""


def statuses(connection: Connection, now: float, names: Sequence[str] | None = None) -> dict[str, DeviceStatus]:
    """Return all devices, or those of `names` that there are, by name."""
    held = (leases.c.id == devices.c.lease) & (leases.c.expires > now)
    columns = (leases.c.owner, leases.c.purpose, leases.c.token, leases.c.granted, leases.c.expires)
    query = select(devices, *columns).select_from(devices).outerjoin(leases, held).order_by(devices.c.name)
    if names is not None and len(names) <= _MANY:
        query = query.where(devices.c.name.in_(names))
    found = {row["name"]: _status(row) for row in connection.execute(query).mappings()}
    return found if names is None else {name: found[name] for name in names if name in found}


def _status(row: Any) -> DeviceStatus:
    state = DeviceState(row["state"])
    return DeviceStatus(
        name=row["name"],
        connect=row["connect"],
        kind=row["kind"],
        model=row["model"],
        state=DeviceState.LEASED if state is DeviceState.AVAILABLE and row["owner"] is not None else state,
        reason=row["reason"],
        since=row["since"],
        facts=json.loads(row["facts"]),
        holder=row["owner"],
        purpose=row["purpose"],
        token=row["token"],
        granted=row["granted"],
        expires=row["expires"],
        author=row["author"],
        uses=row["uses"],
        checked=row["checked"],
    )


def history(connection: Connection, device: str | None, newest: int | None) -> tuple[Transition, ...]:
    query = select(transitions).order_by(transitions.c.id.desc()).limit(newest)
    if device is not None:
        query = query.where(transitions.c.device == device)
    rows = connection.execute(query).all()
    return tuple(_transition(row) for row in reversed(rows))


def _transition(row: Row[Any]) -> Transition:
    return Transition(row.at, row.device, DeviceState(row.state), row.reason, row.author, row.token, row.role)


class Outlook:
    """What somebody who has to wait is told. Remembers which pools share devices, as those never change."""

    def __init__(self) -> None:
        self._shared: dict[tuple[str, str], bool] = {}

    def refused(self, connection: Connection, answer: Answer, pools: Sequence[Pool]) -> Waiting:
        """What somebody is told who does not wait: who has what."""
        names = sorted({name for pool in pools for name in pool.names})
        wanted = statuses(connection, answer.now, names[:_SHOWN])
        return Waiting(1, tuple(wanted.values()), None, max(0, len(names) - _SHOWN))

    def waiting(self, connection: Connection, answer: Answer, pools: Sequence[Pool]) -> Waiting:
        mine = {pool.id for pool in pools}
        names = sorted({name for pool in pools for name in pool.names})
        ahead = tuple_(wants.c.urgency, wants.c.place) < tuple_(answer.urgency, answer.place)
        others = connection.execute(select(wants.c.pool).where(ahead).distinct()).scalars().all()
        rivals = [pool for pool in others if any(self._share(connection, pool, own) for own in mine)]
        position = 1
        if rivals:
            count = select(func.count(distinct(wants.c.place))).where(wants.c.pool.in_(rivals), ahead)
            position += connection.execute(count).scalar_one()
        wanted = statuses(connection, answer.now, names[:_SHOWN])
        retry_in = None
        if position == 1:
            end = connection.execute(_next_end(mine, len(names), answer.now)).scalar_one()
            retry_in = None if end is None else end - answer.now
        return Waiting(position, tuple(wanted.values()), retry_in, max(0, len(names) - _SHOWN))

    def _share(self, connection: Connection, one: str, other: str) -> bool:
        if one == other:
            return True
        pair = (min(one, other), max(one, other))
        if pair not in self._shared:
            second = members.alias()
            shared = select(members.c.device).join(second, second.c.device == members.c.device)
            query = select(exists(shared.where(members.c.pool == one, second.c.pool == other)))
            self._shared[pair] = bool(connection.execute(query).scalar_one())
        return self._shared[pair]


def _next_end(pools: set[str], size: int, now: float) -> Any:
    """When the next lease on a device of these pools ends, if it is soon where there are many."""
    still: ColumnElement[bool] = leases.c.ended.is_(None) & (leases.c.expires > now)
    within = exists().where(members.c.pool.in_(pools), members.c.device == leases.c.device)
    if size <= _SOON:
        return select(func.min(leases.c.expires)).where(still, within)
    soon = select(leases.c.device, leases.c.expires).where(still).order_by(leases.c.expires).limit(_SOON).subquery()
    within = exists().where(members.c.pool.in_(pools), members.c.device == soon.c.device)
    return select(func.min(soon.c.expires)).where(within)
