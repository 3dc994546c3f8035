"""`LeaseStore` on a labgrid coordinator.

labgrid's lock on a place is a name, without end, number or queue. So two locks are held: a lease in a store of the
user's own (its file is the second argument), which gives the clients of this user on this host all that a `LeaseStore`
promises, and around it the place, acquired under a name that tells the lease. A place whose name tells a lease of ours
that has ended belongs to a client that was killed: whoever comes next takes it over. Of other holders only their name
is known: their places are offline in the user's store while they last.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from ontarget.device_farm import identity
from ontarget.device_farm.errors import LeaseLost, NoSuchDevice, StoreFailed
from ontarget.device_farm.inventory import DeviceEntry
from ontarget.device_farm.labgrid.entries import entry_of
from ontarget.device_farm.labgrid.lab import Lab, Place
from ontarget.device_farm.labgrid.wire import Refused
from ontarget.device_farm.leases.store import (
    DeviceState,
    DeviceStatus,
    Grant,
    LeaseRequest,
    LeaseStore,
    Registration,
    Transition,
    Waiting,
)

log = logging.getLogger(__name__)

AUTHOR: Final = "labgrid"
_MIRRORED: Final = "at labgrid "
_HELD: Final = "held by "
_SLICE: Final = 0.1  # seconds between two looks at whether the coordinator told of a change


class LabgridStore:
    """See `ontarget.device_farm.leases.store.LeaseStore`; the coordinator is at `target` (host:port)."""

    def __init__(self, target: str, own: LeaseStore) -> None:
        """`own` is closed with it, and at once if the coordinator cannot be reached. Raises StoreFailed."""
        self._target = target
        self._own = own
        try:
            self._lab = Lab(target)
        except BaseException:
            own.close()
            raise
        self._mark = f"+ontarget-{own.store_id[:8]}-"

    @property
    def store_id(self) -> str:
        return self._own.store_id

    @property
    def notice(self) -> str:
        """What a labgrid coordinator cannot promise, for people."""
        return (
            f"labgrid at {self._target} guards its places by a name only: they never expire, any client can release "
            "them, a restart forgets them, and there is no queue between hosts. Expiry, tokens and order hold among "
            f"the clients of {identity.owner()} alone; a client killed on another host keeps its place until "
            "`labgrid-client release --kick`"
        )

    def entries(self, listed: Sequence[DeviceEntry]) -> tuple[tuple[DeviceEntry, ...], dict[str, str]]:
        """Return the places as devices as they are now, by name, and why each other place is none.

        `listed` are the farm file's devices, which complete the places of their names. Raises NoSuchDevice for one
        that is no place, StoreFailed.
        """
        places = self._lab.refresh()
        by_name = {entry.name: entry for entry in listed}
        for name in by_name.keys() - places.keys():
            raise NoSuchDevice(
                f"the farm file lists {name!r}, and labgrid at {self._target} has no such place; it has: "
                f"{', '.join(sorted(places)) or 'none'}"
            )
        found = {
            name: entry_of(place, self._lab.resources(place), self._target, by_name.get(name))
            for name, place in sorted(places.items())
        }
        devices = tuple(entry for entry in found.values() if isinstance(entry, DeviceEntry))
        return devices, {name: why for name, why in found.items() if isinstance(why, str)}

    # Devices

    def register(self, devices: Sequence[Registration], author: str = "inventory") -> None:
        self._own.register(devices, author)

    def learn(self, secret: str, model: str, facts: Mapping[str, Any]) -> None:
        self._own.learn(secret, model, facts)

    def withdraw(self, secret: str, state: DeviceState, reason: str) -> None:
        self._own.withdraw(secret, state, reason)

    def checked(self, secret: str) -> None:
        self._own.checked(secret)

    def free(self, device: str, reason: str, author: str) -> bool:
        return self._own.free(device, reason, author)

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> None:
        self._own.set_state(device, state, reason, author)

    def statuses(self, names: Sequence[str] | None = None) -> tuple[DeviceStatus, ...]:
        self._mirror(names)
        return tuple(map(_with_foreign_holder, self._own.statuses(names)))

    def history(self, device: str | None = None, *, newest: int | None = None) -> tuple[Transition, ...]:
        return self._own.history(device, newest=newest)

    def recall(self, lines: Sequence[Transition]) -> None:
        self._own.recall(lines)

    def prune(self, age: float) -> int:
        return self._own.prune(age)

    # Leases

    def acquire(self, request: LeaseRequest, *, queue: bool) -> tuple[Grant, ...] | Waiting:
        while True:
            self._mirror([name for want in request.wants for name in want])
            answer = self._own.acquire(request, queue=queue)
            if isinstance(answer, Waiting):
                return replace(answer, wanted=tuple(map(_with_foreign_holder, answer.wanted)))
            try:
                for grant in answer:
                    self._take(grant)
            except (Refused, StoreFailed, LeaseLost) as error:
                for grant in answer:
                    self._undo(grant, str(error))
                if not isinstance(error, Refused):
                    raise
                self._tell_refusal([grant.device for grant in answer], error)
            else:
                return answer

    def leave(self, ticket: str) -> None:
        self._own.leave(ticket)

    @contextmanager
    def watch(self, ticket: str) -> Iterator[Callable[[float], None]]:
        told, end = self._lab.watch()
        try:
            with self._own.watch(ticket) as own_changed:

                def changed(seconds: float) -> None:
                    ends = time.monotonic() + seconds
                    while not told.is_set() and (left := ends - time.monotonic()) > 0:
                        glance = min(left, _SLICE)
                        before = time.monotonic()
                        own_changed(glance)
                        if time.monotonic() - before < glance:
                            break
                    told.clear()

                yield changed
        finally:
            end()

    def heartbeat(self, secret: str) -> Grant:
        return self._checked(self._own.heartbeat(secret))

    def holding(self, secret: str) -> Grant:
        return self._checked(self._own.holding(secret))

    def release(self, secret: str, reason: str = "released") -> bool:
        try:
            grant = self._own.holding(secret)
        except LeaseLost:
            return False
        # the place first: once the lease has ended, another of us may take the place under another name
        try:
            self._lab.release(grant.device, self._name(grant))
        except Refused as error:
            raise StoreFailed(f"labgrid at {self._target} did not release {grant.device}: {error}") from error
        return self._own.release(secret, reason)

    def close(self) -> None:
        self._lab.close()
        self._own.close()

    # Inside

    def _name(self, grant: Grant) -> str:
        """The name under which a place is held: `host/user` as labgrid has it, and which lease it is."""
        user, _, host = identity.owner().partition("@")
        return f"{host}/{user}{self._mark}{grant.token}"

    def _take(self, grant: Grant) -> None:
        name = self._name(grant)
        if (place := self._lab.refresh().get(grant.device)) is not None:
            self._end_stale(place, but=name)
        self._lab.acquire(grant.device, name)
        self._own.holding(grant.secret)  # acquiring may have taken longer than the lease lasts

    def _undo(self, grant: Grant, why: str) -> None:
        with suppress(Refused, StoreFailed):  # whoever comes next finds the name of a lease that has ended
            self._lab.release(grant.device, self._name(grant))
        self._own.release(grant.secret, f"labgrid refused: {why}")

    def _tell_refusal(self, devices: Sequence[str], error: Refused) -> None:
        """Raise StoreFailed unless somebody has just taken one of the places: then the next look shows it as held."""
        places = self._lab.refresh()
        if not any(name not in places or self._foreign(places[name]) for name in devices):
            raise StoreFailed(
                f"labgrid at {self._target} refused to acquire {', '.join(devices)}: {error}; see that the exporters "
                "of their resources run"
            ) from error

    def _checked(self, grant: Grant) -> Grant:
        place = self._lab.refresh().get(grant.device)
        if place is not None and place.holder == self._name(grant):
            return grant
        holder = "nobody" if place is None or place.holder is None else place.holder
        self._own.release(grant.secret, f"taken away at labgrid: held by {holder}")
        raise LeaseLost(
            f"the lease of {grant.owner} on {grant.device} (token {grant.token}) was taken away at labgrid's "
            f"coordinator {self._target}, by a release or its restart: the place is held by {holder} now. Lease again "
            "and repeat what was going on",
            device=grant.device,
        )

    def _foreign(self, place: Place) -> str | None:
        """Who else has the place, if anybody."""
        if place.holder is not None:
            return None if self._mark in place.holder else f"{_HELD}{place.holder}"
        return None if place.reservation is None else f"{_HELD}reservation {place.reservation}"

    def _mirror(self, names: Sequence[str] | None) -> None:
        """Give back what clients of ours left that were killed; take what others hold for offline, in our own store."""
        places = self._lab.refresh()  # before the leases: one that the places tell of was there, or has ended
        for status in self._own.statuses(names):
            place = places.get(status.name)
            if place is not None and status.holder is None:
                self._end_stale(place)
            why = "no such place any more" if place is None else self._foreign(place)
            reason = None if why is None else f"{_MIRRORED}{why}"
            mirrored = status.state is DeviceState.OFFLINE and (status.reason or "").startswith(_MIRRORED)
            if reason is None and mirrored:
                self._own.set_state(status.name, DeviceState.AVAILABLE, "free at labgrid", AUTHOR)
            elif reason not in (None, status.reason) and (mirrored or status.state is DeviceState.AVAILABLE):
                self._own.set_state(status.name, DeviceState.OFFLINE, str(reason), AUTHOR)

    def _end_stale(self, place: Place, but: str | None = None) -> None:
        """Release a place whose name tells a lease of ours that has ended; `but` is one that has not."""
        if place.holder is not None and self._mark in place.holder and place.holder != but:
            log.warning("%s: left acquired at labgrid as %s by a client that ended; released", place.name, place.holder)
            self._lab.release(place.name, place.holder)


def _with_foreign_holder(status: DeviceStatus) -> DeviceStatus:
    """A device that somebody holds at labgrid, as one that is leased by them."""
    if status.state is not DeviceState.OFFLINE or not (status.reason or "").startswith(_MIRRORED + _HELD):
        return status
    holder = str(status.reason).removeprefix(_MIRRORED + _HELD)
    return replace(
        status, state=DeviceState.LEASED, reason=None, holder=holder, purpose="labgrid", granted=status.since
    )
