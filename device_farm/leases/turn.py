"""One look at a SQL store on behalf of one request."""

from itertools import chain

from sqlalchemy import Connection, delete, select

from ontarget.device_farm.leases.queue import Waiter, decide
from ontarget.device_farm.leases.rows import statuses, wants_of
from ontarget.device_farm.leases.schema import waiters
from ontarget.device_farm.leases.store import WAITER_TTL, DeviceState, LeaseRequest, Waiting


class Turn:
    """What the request gets, or where it stands.

    `chosen` is empty while it has to wait; `seen` is when it last asked, None for one that is not in the queue.
    """

    def __init__(self, connection: Connection, now: float, request: LeaseRequest) -> None:
        self.now = now
        self.request = request
        self._connection = connection
        rows = connection.execute(select(waiters).order_by(waiters.c.priority.desc(), waiters.c.place)).all()
        mine = next((row for row in rows if row.ticket == request.ticket), None)
        self.seen: float | None = None if mine is None else mine.seen
        self._lapsed = [row.ticket for row in rows if row is not mine and row.seen < now - WAITER_TTL]
        queue = [row for row in rows if row.ticket not in self._lapsed]
        order = [Waiter(row.ticket, wants_of(row.wants)) for row in queue]
        if mine is None:
            place = sum(row.priority >= request.priority for row in queue)
            order.insert(place, Waiter(request.ticket, request.wants))
        self._order = order
        self._statuses = statuses(connection, now)
        free = {name for name, status in self._statuses.items() if status.state is DeviceState.AVAILABLE}
        self.chosen = decide(order, free).get(request.ticket, ())

    def drop_lapsed(self) -> bool:
        """Remove the places of clients that ask no more; whether there were any."""
        if self._lapsed:
            self._connection.execute(delete(waiters).where(waiters.c.ticket.in_(self._lapsed)))
        return bool(self._lapsed)

    def waiting(self) -> Waiting:
        mine = {name for want in self.request.wants for name in want}
        wanted = tuple(self._statuses[name] for name in sorted(mine) if name in self._statuses)
        ends = [status.expires - self.now for status in wanted if status.expires is not None]
        rivals = [waiter for waiter in self._order if not mine.isdisjoint(chain(*waiter.wants))]
        position = 1 + next(i for i, waiter in enumerate(rivals) if waiter.ticket == self.request.ticket)
        return Waiting(position, wanted, min(ends, default=None))
