"""Looks for two holders in what devices and store recorded of a chaos run: pure decisions on values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ontarget.device_farm.leases.store import DeviceState, Transition
from support.chaos_device import Event


@dataclass(frozen=True)
class Held:
    """A lease as the store recorded it, in seconds by the store's clock; `end` is None while it holds."""

    token: int
    granted: float
    end: float | None


@dataclass
class Findings:
    """`double` says what looks like two holders of one device; `gaps` are the seconds between a device's leases."""

    leases: int = 0
    touches: int = 0
    refused: int = 0
    double: list[str] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


def leases_of(history: Sequence[Transition]) -> list[Held]:
    """A device's leases, from its history, in the order of their tokens."""
    granted: dict[int, float] = {}
    ended: dict[int, float] = {}
    for transition in history:
        if transition.token is not None:
            times = granted if transition.state is DeviceState.LEASED else ended
            times.setdefault(transition.token, transition.at)
    return [Held(token, granted[token], ended.get(token)) for token in sorted(granted)]


def check(histories: Mapping[str, Sequence[Transition]], logs: Mapping[str, Sequence[Event]]) -> Findings:
    """Hold what the store says, and what the devices saw, against each other."""
    found = Findings()
    everywhere: dict[int, str] = {}
    for device, history in histories.items():
        leases = leases_of(history)
        found.leases += len(leases)
        for lease in leases:
            if lease.token in everywhere:
                found.double.append(f"token {lease.token} was given out for {everywhere[lease.token]} and {device}")
            everywhere[lease.token] = device
        _overlaps(device, leases, found)
        _uses(device, {lease.token for lease in leases}, logs.get(device, ()), found)
    return found


def _overlaps(device: str, leases: Sequence[Held], found: Findings) -> None:
    for before, after in pairwise(leases):
        if before.end is None or before.end > after.granted:
            found.double.append(f"{device}: token {after.token} was granted while {before.token} was held")
        else:
            found.gaps.append(after.granted - before.end)


def _uses(device: str, tokens: set[int], events: Sequence[Event], found: Findings) -> None:
    newest = 0
    users: dict[int, str] = {}
    for event in events:
        if event.what in ("refuse", "cut"):
            found.refused += 1
            if event.token >= newest:
                found.double.append(f"{device}: token {event.token}, the newest, was refused")
            continue
        found.touches += event.what == "done"
        if event.token not in tokens:
            found.double.append(f"{device}: used with token {event.token}, which the store never granted for it")
        if event.token < newest:
            found.double.append(f"{device}: used with token {event.token} after {newest}")
        if users.setdefault(event.token, event.client) != event.client:
            found.double.append(f"{device}: token {event.token} was used by {users[event.token]} and {event.client}")
        newest = max(newest, event.token)
