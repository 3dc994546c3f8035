"""The seam between `SqlLeaseStore` and the two databases: the changes, each of them all or nothing.

What is kept true between two changes, on both: a free device that somebody in the queue could use is promised to the
first of those (by urgency, then place); who has been promised all that is wanted comes for it.
"""

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ontarget.device_farm.leases.store import DeviceState, LeaseRequest, Registration, Transition, Wait


@dataclass(frozen=True)
class Pool:
    """A set of devices that somebody wants one of. Many ask for the same: its `id`, a digest, stands for its names."""

    id: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> "Pool":
        each = tuple(sorted(set(names)))
        return cls(digest("\n".join(each))[:32], each)


@dataclass(frozen=True)
class NewLease:
    """Names for a lease that is asked for. They are the same when a cut connection makes us ask again."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def secret_hash(self) -> str:
        return digest(self.secret)


@dataclass(frozen=True)
class Ask:
    """A request in the store's terms."""

    request: LeaseRequest
    pools: tuple[Pool, ...]
    leases: tuple[NewLease, ...]
    queue: bool


@dataclass(frozen=True)
class Granted:
    id: str
    device: str
    token: int
    expires: float


@dataclass(frozen=True)
class Answer:
    """What an `Ask` got: all that was wanted, or a place. `now` is the store's clock."""

    now: float
    granted: tuple[Granted, ...] = ()
    urgency: int = 0
    place: int = 0


@dataclass(frozen=True)
class LeaseRow:
    """A lease as the store has it, and the store's clock when it was read."""

    id: str
    device: str
    token: int
    owner: str
    purpose: str
    ttl: float
    granted: float
    expires: float
    ended: float | None
    end_reason: str | None
    now: float

    @property
    def open(self) -> bool:
        return self.ended is None and self.expires > self.now


class Book(Protocol):
    """Who has what; every method may raise StoreFailed. Secrets travel to it in clear, and are hashed there."""

    def ask(self, ask: Ask) -> Answer: ...
    def leave(self, ticket: str) -> None: ...
    def watch(self, ticket: str) -> AbstractContextManager[Wait]: ...

    def find(self, secret: str) -> LeaseRow | None: ...
    def heartbeat(self, secret: str) -> LeaseRow | None:
        """Extend the lease if it is open; return it as it is then, None where there is none."""
        ...

    def release(self, secret: str, reason: str) -> bool | None:
        """End the lease; whether it was open, None where there is none."""
        ...

    def learn(self, secret: str, model: str, facts: str) -> bool:
        """Whether the secret is of an open lease, as in the next two."""
        ...

    def withdraw(self, secret: str, state: DeviceState, reason: str) -> bool: ...
    def checked(self, secret: str) -> bool: ...

    def set_state(self, device: str, state: DeviceState, reason: str, author: str) -> bool:
        """Whether there is such a device."""
        ...

    def free(self, device: str, reason: str, author: str) -> bool:
        """Whether somebody held the device."""
        ...

    def register(self, devices: Sequence[Registration], author: str) -> None: ...
    def recall(self, lines: Sequence[Transition]) -> None: ...
    def prune(self, age: float) -> int: ...
    def close(self) -> None: ...


def digest(secret: str) -> str:
    # random 128 bits need no salt and no slow hash
    return hashlib.sha256(secret.encode()).hexdigest()


def lease_row(row: Any, now: float) -> LeaseRow:
    return LeaseRow(
        id=row["id"],
        device=row["device"],
        token=row["token"],
        owner=row["owner"],
        purpose=row["purpose"],
        ttl=row["ttl"],
        granted=row["granted"],
        expires=row["expires"],
        ended=row["ended"],
        end_reason=row["end_reason"],
        now=now,
    )
