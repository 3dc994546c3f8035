"""The seam to what remembers who holds which device: a `LeaseStore`, and the values it speaks in.

What every store promises (tests/farm/test_store_contract.py holds each to it):

- a device has one holder at most;
- tokens only grow, over the life of the store, whatever is released, deleted or restarted;
- expiry goes by the store's own clock; a lease that has expired stays so;
- releasing twice is harmless;
- several devices are granted together or not at all;
- nobody overtakes: priority, then first come.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class DeviceState(StrEnum):
    """What may be done with a device. LEASED is never stored: it is an available device with a holder."""

    AVAILABLE = "available"
    LEASED = "leased"
    QUARANTINED = "quarantined"
    OFFLINE = "offline"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True)
class Registration:
    """A device that the inventory lists. `model` is None until the device has been asked."""

    name: str
    connect: str
    kind: str
    model: str | None = None


def new_ticket() -> str:
    """Return a name for a new place in the queue."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class LeaseRequest:
    """What is asked for: `wants` holds, for each device wanted, the names that would do, the preferred ones first.

    `ttl` in seconds. Among the waiting a larger `priority` goes first. The ticket keeps the place in the queue.
    """

    wants: tuple[tuple[str, ...], ...]
    owner: str
    purpose: str
    ttl: float
    priority: int = 0
    ticket: str = field(default_factory=new_ticket)


@dataclass(frozen=True)
class Grant:
    """An exclusive right to `device` until `expires` (seconds since 1970 by the store's clock), in `left` seconds.

    `secret` is the lease's name to its holder, `lease` its name to others.
    """

    lease: str
    secret: str = field(repr=False)
    device: str
    token: int
    ttl: float
    expires: float
    left: float
    owner: str
    purpose: str


@dataclass(frozen=True)
class DeviceStatus:
    """A device as the store knows it; times in seconds since 1970. Without a holder, `holder` and below are None."""

    name: str
    connect: str
    kind: str
    model: str | None
    state: DeviceState
    reason: str | None
    since: float
    facts: Mapping[str, Any]
    holder: str | None = None
    purpose: str | None = None
    token: int | None = None
    granted: float | None = None
    expires: float | None = None


@dataclass(frozen=True)
class Waiting:
    """Not granted: `position` in the queue (1 is next), the devices that would do, seconds until one may come free."""

    position: int
    wanted: tuple[DeviceStatus, ...]
    retry_in: float | None


@dataclass(frozen=True)
class Transition:
    """A line of a device's history. `token` is None where no lease was concerned."""

    at: float
    device: str
    state: DeviceState
    reason: str
    author: str
    token: int | None


class LeaseStore(Protocol):
    """Remembers devices and leases. Every method may raise StoreFailed. May be used by several threads."""

    @property
    def store_id(self) -> str:
        """Made when the store was, never changed: tokens are compared within one store only."""
        ...

    def register(self, devices: Sequence[Registration]) -> None:
        """Make these devices known. What was learnt about one is forgotten when its `connect` has changed."""
        ...

    def learn(self, device: str, model: str, facts: Mapping[str, Any]) -> None:
        """Keep what a device says of itself; `facts` as JSON can hold it."""
        ...

    def acquire(self, request: LeaseRequest, *, queue: bool) -> tuple[Grant, ...] | Waiting:
        """Grant all that is wanted, in the order of `wants`, or nothing.

        With `queue` the request keeps (or takes) its place: call again with the same ticket, at least every
        `WAITER_TTL` seconds. Without, it gets what nobody before it waits for.
        """
        ...

    def leave(self, ticket: str) -> None:
        """Give up a place in the queue; harmless where there is none."""
        ...

    def watch(self) -> AbstractContextManager[Callable[[float], None]]:
        """Return a function that waits, that many seconds at most, until a device came free since its last call."""
        ...

    def heartbeat(self, secret: str) -> Grant:
        """Extend a lease to its full time to live from now. Raises LeaseLost, NoSuchLease."""
        ...

    def holding(self, secret: str) -> Grant:
        """Return the lease as it is. Raises LeaseLost if it has ended, NoSuchLease."""
        ...

    def release(self, secret: str, reason: str = "released") -> bool:
        """End a lease; False if it had ended before. Raises NoSuchLease."""
        ...

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> None:
        """Make a device available or not; a lease on it runs on. Raises NoSuchDevice."""
        ...

    def statuses(self, names: Sequence[str] | None = None) -> tuple[DeviceStatus, ...]:
        """Return what is known of these devices (of all by default), by name."""
        ...

    def history(self, device: str) -> tuple[Transition, ...]:
        """Return what has become of a device, oldest first."""
        ...

    def prune(self, age: float) -> int:
        """Forget leases and history that ended more than `age` seconds ago; return how many leases."""
        ...

    def close(self) -> None: ...


WAITER_TTL = 15.0
"""Seconds after which a place in the queue lapses whose client has not asked again."""
