"""Who is granted what: pure decisions on values."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

Wants = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Waiter:
    """A place in the queue."""

    ticket: str
    wants: Wants


def decide(queue: Sequence[Waiter], free: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the devices for each ticket that can be served now, in the order of its wants.

    `queue` is in the order in which it is to be served. What one of them could use already is kept for it until the
    rest comes free: else those who want one device would for ever overtake those who want several.
    """
    left = set(free)
    granted = {}
    for waiter in queue:
        if not left:
            break
        chosen = assign(waiter.wants, left)
        left.difference_update(chosen.values())
        if len(chosen) == len(waiter.wants):
            granted[waiter.ticket] = tuple(chosen[want] for want in range(len(waiter.wants)))
    return granted


def assign(wants: Wants, free: Collection[str]) -> dict[int, str]:
    """Return a device of its own for as many wants as `free` can serve (bipartite matching by augmenting paths)."""
    taken: dict[str, int] = {}

    def place(want: int, tried: set[str]) -> bool:
        for device in wants[want]:
            if device in free and device not in tried:
                tried.add(device)
                if device not in taken or place(taken[device], tried):
                    taken[device] = want
                    return True
        return False

    for want in range(len(wants)):
        place(want, set())
    return {want: device for device, want in taken.items()}
