"""Whether a device still is what a farm relies on: looked at every so many leases or hours, by who has it then."""

import math
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from ontarget.device_farm.durations import format_duration
from ontarget.device_farm.errors import Unhealthy
from ontarget.device_farm.leases.store import DeviceStatus

if TYPE_CHECKING:
    from ontarget.harness.device import Device

ROUNDS: Final = 20
SLOW: Final = 2.0
"""Seconds of a round trip from which nothing can be measured in reasonable time; a healthy one takes milliseconds."""
_UPTIME = "/proc/uptime"


class CheckPolicy(BaseModel):
    """When a device is checked: after so many leases, or so many hours; whichever comes first."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    leases: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0, strict=False)


def due(status: DeviceStatus, policy: CheckPolicy | None, now: float) -> str | None:
    """Return why a device is to be checked, None if it is not; `now` by the store's clock."""
    if policy is None:
        return None
    if policy.leases is not None and status.uses >= policy.leases:
        return f"{status.uses} leases have passed since it last was"
    if policy.hours is None:
        return None
    if status.checked is None:
        return "it never was"
    passed = now - status.checked
    return (
        f"{format_duration(math.floor(passed))} have passed since it last was"
        if passed >= policy.hours * 3600
        else None
    )


def check(device: "Device", clock: Callable[[], float] = time.monotonic) -> float:
    """Read what the device is doing, and measure it a little; return the median round trip in seconds.

    It is connected and has been asked what it is already. Raises Unhealthy, and what the transport raises.
    """
    name = device.info.name
    device.conditions()
    took = []
    seen: list[float] = []
    for _ in range(ROUNDS):
        before = clock()
        (uptime,) = device.session.read_files([_UPTIME])
        took.append(clock() - before)
        seen += _seconds(uptime)
    if seen != sorted(seen):
        raise Unhealthy(
            "expected its clock to go forward, found that it goes back: see its power and its log", device=name
        )
    median = statistics.median(took)
    if median > SLOW:
        raise Unhealthy(
            f"expected a round trip within {SLOW:g} s, found {median:.1f} s: see its load and the way to it",
            device=name,
        )
    return median


def _seconds(uptime: bytes | None) -> list[float]:
    """What /proc/uptime says; nothing on devices that do not let everybody read it."""
    try:
        return [float(uptime.split()[0])] if uptime else []
    except (ValueError, IndexError):
        return []
