"""The seam to what remembers who holds which device: a `LeaseStore`, and the values it speaks in.

What every store promises (tests/farm/test_store_contract.py holds each to it):

- a device has one holder at most;
- tokens only grow, over the life of the store, whatever is released, deleted or restarted;
- expiry goes by the store's own clock; a lease that has expired stays so;
- releasing twice is harmless;
- several devices are granted together or not at all;
- nobody who is awake is overtaken: priority, then first come.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Wait = Callable[[float], None]
"""Waits, that many seconds at most, until there is news."""

PRIORITIES = 1_000_000
"""Priorities lie between this and its negative."""


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
    """What is asked for: `wants` holds, for each device wanted, the names that would do, in any order.

    Those in `prefer` are taken where they are free, else those that are asked for least. `ttl` in seconds. Among the
    waiting a larger `priority` goes first. The ticket keeps the place in the queue; who knows it can give it up.
    """

    wants: tuple[tuple[str, ...], ...]
    owner: str
    purpose: str
    ttl: float
    priority: int = 0
    ticket: str = field(default_factory=new_ticket, repr=False)
    prefer: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.wants and all(self.wants)):
            raise ValueError("a request wants at least one device, and names what would do for each")
        if not -PRIORITIES <= self.priority <= PRIORITIES:
            raise ValueError(f"a priority lies between -{PRIORITIES} and {PRIORITIES}, and this is {self.priority}")
        if not 0 < self.ttl < float("inf"):
            raise ValueError(f"a time to live is a number of seconds above 0, and this is {self.ttl}")


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
    """A device as the store knows it; times in seconds since 1970. Without a holder, `holder` to `expires` are None.

    `reason`, `author` and `since` are of its state. `uses` counts leases since the last health check, at `checked`.
    """

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
    author: str | None = None
    uses: int = 0
    checked: float | None = None


@dataclass(frozen=True)
class Waiting:
    """Not granted: `position` in the queue (1 is next), devices that would do, and how many `others` would.

    `retry_in` is for the first in the queue: seconds until a device may come free that nobody gives back.
    """

    position: int
    wanted: tuple[DeviceStatus, ...]
    retry_in: float | None
    others: int = 0


@dataclass(frozen=True)
class Transition:
    """A line of the audit log. `token` is None where no lease was concerned.

    `author` is what they call themselves; `role` as whom they came to a store that knows, None elsewhere.
    """

    at: float
    device: str
    state: DeviceState
    reason: str
    author: str
    token: int | None
    role: str | None = None


class LeaseStore(Protocol):
    """Remembers devices and leases. Every method may raise StoreFailed. May be used by several threads."""

    @property
    def store_id(self) -> str:
        """Made when the store was, never changed: tokens are compared within one store only."""
        ...

    def register(self, devices: Sequence[Registration], author: str = "inventory") -> None:
        """Make these devices known. What was learnt about one is forgotten when its `connect` has changed."""
        ...

    def learn(self, secret: str, model: str, facts: Mapping[str, Any]) -> None:
        """Keep what the device of one's own lease says of itself; `facts` as JSON can hold it.

        Raises LeaseLost, NoSuchLease.
        """
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

    def watch(self, ticket: str) -> AbstractContextManager[Wait]:
        """Return a function that waits until this ticket should ask again, since all that it wants has come free."""
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

    def withdraw(self, secret: str, state: DeviceState, reason: str) -> None:
        """Quarantine the device of one's own lease, or call it offline. Raises LeaseLost, NoSuchLease."""
        ...

    def checked(self, secret: str) -> None:
        """Note that the device of one's own lease was found in good health. Raises LeaseLost, NoSuchLease."""
        ...

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> None:
        """Make a device available or not; a lease on it runs on. Raises NoSuchDevice."""
        ...

    def free(self, device: str, reason: str, author: str) -> bool:
        """End whatever lease there is on a device, whoever holds it; False if there was none. Raises NoSuchDevice."""
        ...

    def statuses(self, names: Sequence[str] | None = None) -> tuple[DeviceStatus, ...]:
        """Return what is known of these devices (of all by default), by name."""
        ...

    def history(self, device: str | None = None, *, newest: int | None = None) -> tuple[Transition, ...]:
        """Return what has become of a device, or of all, oldest first; of many lines only the `newest` so many."""
        ...

    def recall(self, lines: Sequence[Transition]) -> None:
        """Add lines of another store's log to this one's, as far as they are not in it."""
        ...

    def prune(self, age: float) -> int:
        """Forget leases and history that ended more than `age` seconds ago; return how many leases."""
        ...

    def close(self) -> None: ...


WAITER_TTL = 15.0
"""Seconds after which a place in the queue lapses whose client has not asked again."""

PROMISE_TTL = 3.0
"""Seconds for which devices are kept for somebody who may have them now: then others go first until it asks again."""
