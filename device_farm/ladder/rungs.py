"""The rungs of the ladder that a device is brought back by: what each is, and how far it may go. Data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Act(StrEnum):
    """What can be done about a device, from the mildest to the last."""

    RECONNECT = "reconnect"
    RESTART_AGENT = "restart-agent"
    MAKE_ROOM = "make-room"
    NETWORK_UP = "network-up"
    SOFT_REBOOT = "soft-reboot"
    POWER_CYCLE = "power-cycle"


@dataclass(frozen=True)
class Rung:
    """One rung: done at most `attempts` times, each of which may take `seconds`, the wait for the device included."""

    act: Act
    attempts: int
    seconds: float


LADDER: Final = (
    # A device that restarts by itself, after a panic for instance, is waited for here.
    Rung(Act.RECONNECT, 1, 45.0),
    Rung(Act.RESTART_AGENT, 1, 30.0),
    Rung(Act.MAKE_ROOM, 1, 30.0),
    Rung(Act.NETWORK_UP, 1, 45.0),
    Rung(Act.SOFT_REBOOT, 1, 180.0),
    Rung(Act.POWER_CYCLE, 2, 180.0),
)
"""What is tried, the mildest first; above the last rung is quarantine."""

MOST_FAILURES: Final = 3
"""Infrastructure failures in a row after which a device is out of service, though each time it came back."""


def limited(ladder: tuple[Rung, ...], limits: Mapping[Act, float | None]) -> tuple[Rung, ...]:
    """Return the ladder with a device's own limits in seconds, by the rung's name; None leaves a rung out."""
    return tuple(
        rung if rung.act not in limits else replace(rung, seconds=seconds)
        for rung in ladder
        if (seconds := limits.get(rung.act, rung.seconds)) is not None
    )
