"""A `LeaseStore` in memory: for tests, and for whoever wants to see how the farm works without a database.

It decides anew from all that it knows, by `queue.decide`, where the SQL stores keep promises: the same contract.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from threading import Condition
from typing import Any

from ontarget.device_farm.errors import LeaseLost, NoSuchDevice, NoSuchLease
from ontarget.device_farm.leases.queue import Waiter, decide
from ontarget.device_farm.leases.store import (
    PROMISE_TTL,
    WAITER_TTL,
    DeviceState,
    DeviceStatus,
    Grant,
    LeaseRequest,
    Registration,
    Transition,
    Wait,
    Waiting,
)
from ontarget.device_farm.times import rfc3339

_SHOWN = 8


@dataclass
class _Place:
    """`told` is since when it could have all that it wants, None where it cannot; who does not come for it sleeps."""

    request: LeaseRequest
    number: int
    seen: float
    told: float | None = None
    asleep: bool = False


class FakeStore:
    """See `ontarget.device_farm.leases.store.LeaseStore`. Its clock is a parameter."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.store_id = secrets.token_hex(16)
        self._clock = clock
        self._changed = Condition()
        self._devices: dict[str, DeviceStatus] = {}
        self._leases: dict[str, Grant] = {}
        self._ended: dict[str, tuple[float, str]] = {}
        self._queue: dict[str, _Place] = {}
        self._wanted: set[frozenset[str]] = set()
        self._log: list[Transition] = []
        self._tokens = 0
        self._places = 0

    # Devices

    def register(self, devices: Sequence[Registration], author: str = "inventory") -> None:
        with self._change():
            for entry in devices:
                known = self._devices.get(entry.name)
                if known is None or known.connect != entry.connect:
                    state = DeviceState.AVAILABLE if known is None else known.state
                    self._note(entry.name, state, f"listed as {entry.connect}", author, None)
                    fresh = DeviceStatus(
                        entry.name,
                        entry.connect,
                        entry.kind,
                        entry.model,
                        state,
                        None,
                        self._clock(),
                        {},
                        author=author,
                    )
                    self._devices[entry.name] = fresh if known is None else replace(fresh, reason=known.reason)
                else:
                    self._devices[entry.name] = replace(known, kind=entry.kind, model=entry.model or known.model)

    def learn(self, secret: str, model: str, facts: Mapping[str, Any]) -> None:
        with self._change():
            device = self._held(secret).device
            self._devices[device] = replace(self._devices[device], model=model, facts=dict(facts))

    def withdraw(self, secret: str, state: DeviceState, reason: str) -> None:
        if state not in (DeviceState.QUARANTINED, DeviceState.OFFLINE):
            raise ValueError(f"who holds a device can make it quarantined or offline, and not {state}")
        with self._change():
            grant = self._held(secret)
            self._set_state(grant.device, state, reason, grant.owner)

    def checked(self, secret: str) -> None:
        with self._change():
            device = self._held(secret).device
            self._devices[device] = replace(self._devices[device], checked=self._clock(), uses=0)

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> None:
        if state is DeviceState.LEASED:
            raise ValueError("a device is leased by acquire()")
        with self._change():
            self._known(device)
            self._set_state(device, state, reason, author)

    def free(self, device: str, reason: str, author: str) -> bool:
        with self._change():
            self._known(device)
            grant = self._holder(device)
            if grant is None:
                return False
            self._end(grant, self._clock(), f"ended by {author}: {reason}", f"ended by force: {reason}", author)
            return True

    def statuses(self, names: Sequence[str] | None = None) -> tuple[DeviceStatus, ...]:
        with self._changed:
            return tuple(self._status(name) for name in sorted(self._devices) if names is None or name in names)

    def history(self, device: str | None = None, *, newest: int | None = None) -> tuple[Transition, ...]:
        lines = [line for line in self._log if device is None or line.device == device]
        return tuple(lines if newest is None else lines[-newest:])

    def recall(self, lines: Sequence[Transition]) -> None:
        with self._change():
            there = {(round(line.at, 4), line.device, line.reason, line.author) for line in self._log}
            new = [line for line in lines if (round(line.at, 4), line.device, line.reason, line.author) not in there]
            self._log += new

    def prune(self, age: float) -> int:
        with self._change():
            before = self._clock() - age
            self._log = [line for line in self._log if line.at >= before]
            old = [secret for secret, (at, _) in self._ended.items() if at < before]
            for secret in old:
                del self._ended[secret], self._leases[secret]
            return len(old)

    # Leases

    def acquire(self, request: LeaseRequest, *, queue: bool) -> tuple[Grant, ...] | Waiting:
        with self._change():
            now = self._clock()
            self._wanted |= {frozenset(want) for want in request.wants}
            place = self._queue.get(request.ticket)
            if place is None:
                self._places += 1
                place = _Place(request, self._places, now)
            place.seen = now
            place.asleep = False
            line = self._line(place)
            chosen = self._decided(line).get(request.ticket)
            if chosen is not None:
                self._queue.pop(request.ticket, None)
                return tuple(self._grant(device, request, now) for device in chosen)
            if queue:
                self._queue[request.ticket] = place
            return self._waiting(request, line, now)

    def leave(self, ticket: str) -> None:
        with self._change():
            self._queue.pop(ticket, None)

    @contextmanager
    def watch(self, ticket: str) -> Iterator[Wait]:  # noqa: ARG002 - it wakes all, and most go on waiting
        def wait(seconds: float) -> None:
            with self._changed:
                self._changed.wait(max(seconds, 0.0))

        yield wait

    def heartbeat(self, secret: str) -> Grant:
        with self._change():
            grant = self._held(secret)
            self._leases[secret] = replace(grant, expires=self._clock() + grant.ttl, left=grant.ttl)
            return self._leases[secret]

    def holding(self, secret: str) -> Grant:
        with self._changed:
            grant = self._held(secret)
            return replace(grant, left=grant.expires - self._clock())

    def release(self, secret: str, reason: str = "released") -> bool:
        with self._change():
            grant = self._given(secret)
            if secret in self._ended:
                return False
            self._end(grant, self._clock(), reason, reason, grant.owner)
            return True

    def close(self) -> None:
        """Nothing to close: all is forgotten with the object."""

    # Inside

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._changed:
            now = self._clock()
            for secret, grant in self._leases.items():
                if secret not in self._ended and grant.expires <= now:
                    self._end(grant, grant.expires, "expired without a heartbeat", "the lease expired", grant.owner)
            self._queue = {ticket: p for ticket, p in self._queue.items() if p.seen >= now - WAITER_TTL}
            for place in self._queue.values():
                place.asleep |= place.told is not None and place.told < now - PROMISE_TTL
            yield
            could = self._decided(self._line())
            for ticket, place in self._queue.items():
                place.told = (place.told or self._clock()) if ticket in could else None
            self._changed.notify_all()

    def _line(self, *more: _Place) -> list[_Place]:
        """The queue, with who has just come, in order."""
        order = sorted([*self._queue.values(), *more], key=lambda p: (-p.request.priority, p.number))
        return list({place.request.ticket: place for place in order}.values())

    def _decided(self, line: Sequence[_Place]) -> Mapping[str, tuple[str, ...]]:
        waiters = [Waiter(p.request.ticket, self._ranked(p.request)) for p in line if not p.asleep]
        return decide(waiters, {name for name in self._devices if self._status(name).state is DeviceState.AVAILABLE})

    def _grant(self, device: str, request: LeaseRequest, now: float) -> Grant:
        self._tokens += 1
        grant = Grant(
            lease=secrets.token_hex(8),
            secret=secrets.token_hex(16),
            device=device,
            token=self._tokens,
            ttl=request.ttl,
            expires=now + request.ttl,
            left=request.ttl,
            owner=request.owner,
            purpose=request.purpose,
        )
        self._leases[grant.secret] = grant
        known = self._devices[device]
        self._devices[device] = replace(known, granted=now, uses=known.uses + 1)
        self._note(device, DeviceState.LEASED, request.purpose, request.owner, grant.token)
        return grant

    def _end(self, grant: Grant, at: float, why: str, noted: str, author: str) -> None:
        self._ended[grant.secret] = (at, why)
        self._note(grant.device, DeviceState.AVAILABLE, noted, author, grant.token, at)

    def _set_state(self, device: str, state: DeviceState, reason: str, author: str) -> None:
        known = self._devices[device]
        self._devices[device] = replace(known, state=state, reason=reason, author=author, since=self._clock())
        self._note(device, state, reason, author, None)

    def _note(
        self, device: str, state: DeviceState, reason: str, author: str, token: int | None, at: float | None = None
    ) -> None:
        self._log.append(Transition(self._clock() if at is None else at, device, state, reason, author, token))

    def _given(self, secret: str) -> Grant:
        if secret not in self._leases:
            raise NoSuchLease("this store never gave out such a lease, or has forgotten it")
        return self._leases[secret]

    def _held(self, secret: str) -> Grant:
        grant = self._given(secret)
        at, why = self._ended.get(secret, (grant.expires, "expired"))
        if secret in self._ended or grant.expires <= self._clock():
            holder = self._holder(grant.device)
            since = f"; {holder.owner} holds the device now" if holder is not None else ""
            raise LeaseLost(
                f"the lease of {grant.owner} on {grant.device} (token {grant.token}) ended at {rfc3339(at)}: "
                f"{why}{since}. Lease again",
                device=grant.device,
            )
        return grant

    def _holder(self, device: str) -> Grant | None:
        now = self._clock()
        return next(
            (g for s, g in self._leases.items() if g.device == device and s not in self._ended and g.expires > now),
            None,
        )

    def _known(self, device: str) -> None:
        if device not in self._devices:
            raise NoSuchDevice(
                f"no device is named {device!r}; there are: {', '.join(sorted(self._devices)) or 'none'}"
            )

    def _status(self, name: str) -> DeviceStatus:
        known = self._devices[name]
        grant = self._holder(name)
        if grant is None:
            return replace(known, granted=None)
        state = DeviceState.LEASED if known.state is DeviceState.AVAILABLE else known.state
        return replace(
            known, state=state, holder=grant.owner, purpose=grant.purpose, token=grant.token, expires=grant.expires
        )

    def _ranked(self, request: LeaseRequest) -> tuple[tuple[str, ...], ...]:
        """The wants with what is preferred first, then what is asked for least."""
        rank = {name: number for number, name in enumerate(request.prefer)}
        return tuple(
            tuple(sorted(want, key=lambda name: (rank.get(name, len(rank)), self._demand(name), name)))
            for want in request.wants
        )

    def _demand(self, name: str) -> float:
        device = self._devices.get(name)
        if device is None:
            return 0.0
        alike = sum(other.model == device.model for other in self._devices.values()) if device.model else 1
        return 1 / alike + sum(1 / len(names) for names in self._wanted if name in names)

    def _waiting(self, request: LeaseRequest, line: Sequence[_Place], now: float) -> Waiting:
        mine = {name for want in request.wants for name in want}
        wanted = [self._status(name) for name in sorted(mine) if name in self._devices]
        rivals = [p.request.ticket for p in line if not mine.isdisjoint(chain(*p.request.wants))]
        position = 1 + rivals.index(request.ticket)
        ends = [status.expires - now for status in wanted if status.expires is not None]
        retry_in = min(ends, default=None) if position == 1 else None
        return Waiting(position, tuple(wanted[:_SHOWN]), retry_in, max(0, len(wanted) - _SHOWN))
