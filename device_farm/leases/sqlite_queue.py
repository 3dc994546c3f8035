"""Promises to the queue on SQLite. The same rules for PostgreSQL: migrations/versions/0001_leases.sql."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, delete, exists, func, select, tuple_, update

from ontarget.device_farm.leases.schema import devices, members, pools, waiters, wants
from ontarget.device_farm.leases.store import DeviceState

_FEW = 64
_is_free = (devices.c.state == DeviceState.AVAILABLE.value) & devices.c.lease.is_(None) & devices.c.promised.is_(None)
_best = (devices.c.demand, devices.c.name)
_FREE = select(devices.c.name).where(devices.c.name == bindparam("device"), _is_free)
_PREFERRED = (
    select(devices.c.name)
    .join(members, (members.c.pool == bindparam("pool")) & (members.c.device == devices.c.name))
    .where(devices.c.name.in_(bindparam("prefer", expanding=True)), _is_free)
)
_SIZE = select(pools.c.size).where(pools.c.id == bindparam("pool"))
# few members are looked up; of many the free devices are walked, the best first
_PICK_OF_FEW = (
    select(devices.c.name)
    .where(
        devices.c.name.in_(select(members.c.device).where(members.c.pool == bindparam("pool"))),
        _is_free,
    )
    .order_by(*_best)
    .limit(1)
)
_in_pool = exists().where(members.c.pool == bindparam("pool"), members.c.device == devices.c.name)
_PICK_OF_MANY = select(devices.c.name).where(_is_free, _in_pool).order_by(*_best).limit(1)
_WITHHELD = (
    select(devices.c.name)
    .join(waiters, waiters.c.ticket_hash == devices.c.promised)
    .where(
        tuple_(waiters.c.urgency, waiters.c.place) > tuple_(bindparam("urgency"), bindparam("place")),
        _in_pool,
    )
    .order_by(waiters.c.urgency.desc(), waiters.c.place.desc())
    .limit(1)
)
_POOLS_OF = select(members.c.pool).where(members.c.device == bindparam("device"))
_FIRST_IN_LINE = (
    select(waiters.c.ticket_hash, waiters.c.urgency, waiters.c.place)
    .join(wants, wants.c.ticket_hash == waiters.c.ticket_hash)
    .where(
        wants.c.pool == bindparam("pool"),
        tuple_(wants.c.urgency, wants.c.place) > tuple_(bindparam("urgency"), bindparam("place")),
        waiters.c.missing > 0,
    )
    .order_by(wants.c.urgency, wants.c.place)
    .limit(1)
)
_WAITER = select(waiters).where(waiters.c.ticket_hash == bindparam("ticket"))
_WANTS = select(wants.c.number, wants.c.pool).where(wants.c.ticket_hash == bindparam("ticket")).order_by(wants.c.number)
_SERVED = (
    select(wants.c.number)
    .join(members, members.c.pool == wants.c.pool)
    .where(wants.c.ticket_hash == bindparam("ticket"), members.c.device == bindparam("device"))
    .order_by(wants.c.number)
)
_PROMISED = (
    select(devices.c.promised_want, devices.c.name)
    .where(devices.c.promised == bindparam("ticket"))
    .order_by(devices.c.promised_want)
)
_PROMISE = (
    update(devices)
    .where(devices.c.name == bindparam("device"))
    .values(promised=bindparam("to"), promised_want=bindparam("want"))
)
_WHOSE = select(devices.c.promised).where(devices.c.name == bindparam("device"))
_RETRACTED = update(waiters).where(waiters.c.ticket_hash == bindparam("ticket")).values(missing=waiters.c.missing + 1)
# who has all is told, and `seen` is then when that was
_ONE_MORE = (
    update(waiters)
    .where(waiters.c.ticket_hash == bindparam("ticket"))
    .values(missing=waiters.c.missing - 1, seen=case((waiters.c.missing == 1, bindparam("now")), else_=waiters.c.seen))
)
_TOLD = select(waiters.c.ticket_hash).where(waiters.c.missing == 0, waiters.c.seen < bindparam("before"))
_SLEEP = update(waiters).where(waiters.c.ticket_hash == bindparam("ticket")).values(missing=-1)
_WAKE = update(waiters).where(waiters.c.ticket_hash == bindparam("ticket")).values(missing=waiters.c.wanted)
_TAKE_BACK = update(devices).where(devices.c.promised == bindparam("ticket")).values(promised=None, promised_want=None)
_REMOVE = delete(waiters).where(waiters.c.ticket_hash == bindparam("ticket"))
_RANKED = (
    select(waiters.c.ticket_hash)
    .where(waiters.c.ticket_hash.in_(bindparam("tickets", expanding=True)))
    .order_by(waiters.c.urgency, waiters.c.place)
)
_BEFORE_ALL = -(2**31)


class Queue:
    """The queue as one transaction sees it, and changes it."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def waiter(self, ticket: str) -> Row[Any] | None:
        return self._connection.execute(_WAITER, {"ticket": ticket}).first()

    def promised(self, ticket: str) -> dict[int, str]:
        """Return the devices that are kept for somebody, by want."""
        return {row.promised_want: row.name for row in self._connection.execute(_PROMISED, {"ticket": ticket})}

    def offer(self, freed: Iterable[str]) -> None:
        """Promise each of these, if it is free, to the first who can use it."""
        for device in freed:
            if self._connection.execute(_FREE, {"device": device}).first() is not None:
                self._offer(device)

    def _offer(self, device: str) -> None:
        pool_ids = self._connection.execute(_POOLS_OF, {"device": device}).scalars().all()
        after = (_BEFORE_ALL, 0)
        while True:
            found = (self._first(pool, after) for pool in pool_ids)
            first = min(
                (row for row in found if row is not None), key=lambda row: (row.urgency, row.place), default=None
            )
            if first is None:
                return
            if self._seat(first.ticket_hash, device, set()):
                self._connection.execute(_ONE_MORE, {"ticket": first.ticket_hash, "now": self._now})
                return
            after = (first.urgency, first.place)

    def _first(self, pool: str, after: tuple[int, int]) -> Row[Any, Any, Any] | None:
        values = {"pool": pool, "urgency": after[0], "place": after[1]}
        return self._connection.execute(_FIRST_IN_LINE, values).first()

    def _seat(self, ticket: str, device: str, tried: set[int]) -> bool:
        """Give a device to one of the wants that it may serve, moving what that one had (an augmenting path)."""
        served = self._connection.execute(_SERVED, {"ticket": ticket, "device": device}).scalars().all()
        for want in served:
            if want in tried:
                continue
            tried.add(want)
            other = self.promised(ticket).get(want)
            if other is None or self._seat(ticket, other, tried):
                self._connection.execute(_PROMISE, {"device": device, "to": ticket, "want": want})
                return True
        return False

    def pick(self, pool: str, prefer: Sequence[str] = ()) -> str | None:
        """Return the best free device of a pool that nobody was promised: preferred, else asked for least."""
        if prefer:
            values = {"pool": pool, "prefer": list(prefer)}
            free = set(self._connection.execute(_PREFERRED, values).scalars())
            preferred = next((name for name in prefer if name in free), None)
            if preferred is not None:
                return preferred
        few = (self._connection.execute(_SIZE, {"pool": pool}).scalar_one()) <= _FEW
        return self._connection.execute(_PICK_OF_FEW if few else _PICK_OF_MANY, {"pool": pool}).scalar_one_or_none()

    def retract(self, device: str) -> str | None:
        """Take back a promise; whose it was is returned, and has to be refilled."""
        whose = self._connection.execute(_WHOSE, {"device": device}).scalar_one_or_none()
        if whose is not None:
            self._connection.execute(_PROMISE, {"device": device, "to": None, "want": None})
            self._connection.execute(_RETRACTED, {"ticket": whose})
        return whose

    def refill(self, ticket: str, prefer: Sequence[str] = ()) -> None:
        """Promise somebody what is missing, as far as it is free or promised to those whose turn is later."""
        robbed = set()
        while True:
            me = self.waiter(ticket)
            if me is None or me.missing == 0:
                break
            useful = self._useful(ticket)
            picked = (self.pick(pool, prefer) for pool in useful)
            device = next((name for name in picked if name is not None), None)
            if device is None:
                rank = {"urgency": me.urgency, "place": me.place}
                later = (self._connection.execute(_WITHHELD, {"pool": p, **rank}).scalar_one_or_none() for p in useful)
                device = next((name for name in later if name is not None), None)
                if device is None:
                    break
                robbed.add(self.retract(device))
            self._seat(ticket, device, set())
            self._connection.execute(_ONE_MORE, {"ticket": ticket, "now": self._now})
        if robbed:
            for other in self._connection.execute(_RANKED, {"tickets": sorted(filter(None, robbed))}).scalars().all():
                self.refill(other)

    def _useful(self, ticket: str) -> list[str]:
        """Return the pools from which a device serves a want that has none, directly or by moving another."""
        pool_of = {row.number: row.pool for row in self._connection.execute(_WANTS, {"ticket": ticket})}
        kept = self.promised(ticket)
        reached = [want for want in pool_of if want not in kept]
        for want in reached:  # it grows meanwhile
            members_of = select(members.c.device).where(
                members.c.pool == pool_of[want], members.c.device.in_(list(kept.values()))
            )
            within = set(self._connection.execute(members_of).scalars()) if kept else set()
            reached += [other for other, device in kept.items() if device in within and other not in reached]
        return list(dict.fromkeys(pool_of[want] for want in reached))

    def put_to_sleep(self, before: float) -> list[str]:
        """Pass over those who were told before this and did not come; what was kept for them has to be offered."""
        kept: list[str] = []
        for ticket in self._connection.execute(_TOLD, {"before": before}).scalars().all():
            kept += self.promised(ticket).values()
            self._connection.execute(_TAKE_BACK, {"ticket": ticket})
            self._connection.execute(_SLEEP, {"ticket": ticket})
        return kept

    def wake(self, ticket: str, prefer: Sequence[str] = ()) -> None:
        """Let somebody who slept have their turn again."""
        self._connection.execute(_WAKE, {"ticket": ticket})
        self.refill(ticket, prefer)

    def remove(self, ticket: str) -> list[str]:
        """Take somebody out of the queue; what was kept for them is returned, and has to be offered."""
        kept = list(self.promised(ticket).values())
        if kept:
            self._connection.execute(_TAKE_BACK, {"ticket": ticket})
        self._connection.execute(_REMOVE, {"ticket": ticket})
        return kept


def recount(connection: Connection) -> None:
    """Count how much depends on each device: the fewer could stand in for it (of its model, of a pool), the more."""
    alike = func.count().over(partition_by=func.coalesce(devices.c.model, " " + devices.c.name))
    of_model = select(devices.c.name, (1.0 / alike).label("demand")).subquery()
    asked = (
        select(members.c.device, func.sum(1.0 / pools.c.size).label("demand"))
        .join(pools, pools.c.id == members.c.pool)
        .group_by(members.c.device)
        .subquery()
    )
    total = of_model.c.demand + func.coalesce(asked.c.demand, 0.0)
    query = select(of_model.c.name, total).outerjoin(asked, asked.c.device == of_model.c.name)
    for name, demand in connection.execute(query).all():
        changed = (devices.c.name == name) & (devices.c.demand != demand)
        connection.execute(update(devices).where(changed).values(demand=demand))
