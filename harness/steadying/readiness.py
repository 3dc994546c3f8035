"""Whether a device is fit for a measurement: cool, charged, and not busy with something else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ontarget.harness.conditions import Conditions

BATTERY_PERCENT: Final = 30.0
LONGEST_WAIT: Final = 60.0
"""Seconds."""
_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0


@dataclass(frozen=True)
class Lack:
    """What a device lacks, for people; `passes`: waiting helps. `bars`: without it nothing should be measured."""

    reason: str
    passes: bool = True
    bars: bool = False


def lacking(now: Conditions, *, cool_c: float | None, load_most: float | None) -> list[Lack]:
    """What a device lacks; a limit of None is none, and what the device does not tell is taken for good."""
    lacks = []
    if now.throttled:
        lacks.append(Lack(f"it throttles{f' ({now.throttled_by})' if now.throttled_by else ''}"))
    if cool_c is not None and now.temperature_c is not None and now.temperature_c > cool_c:
        lacks.append(Lack(f"it has {now.temperature_c:.0f} °C, and is cool below {cool_c:.0f} °C"))
    if now.battery_percent is not None and now.battery_percent < BATTERY_PERCENT and not now.charging:
        reason = (
            f"its battery is at {now.battery_percent:.0f} %, not charging: expected {BATTERY_PERCENT:.0f} % or power"
        )
        lacks.append(Lack(reason, passes=False, bars=True))
    if load_most is not None and now.load is not None and now.load > load_most:
        lacks.append(Lack(f"other programs run: load {now.load:.1f}, expected at most {load_most:.1f}"))
    return lacks


def wait(
    look: Callable[[], list[Lack]],
    *,
    longest: float,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    told: Callable[[str], None] = lambda _: None,
) -> list[Lack]:
    """Wait until `look` finds nothing that passes, for at most `longest` seconds; return what is lacking then."""
    end, between, paused = clock() + longest, _FIRST_LOOK, 0.0
    while True:
        lacks = look()
        left = min(end - clock(), longest - paused)
        if not any(lack.passes for lack in lacks) or any(lack.bars for lack in lacks) or left <= 0:
            return lacks
        told(f"waiting for at most {left:.0f} s: {'; '.join(lack.reason for lack in lacks)}")
        pause(min(between, left))
        paused += between
        between = min(2 * between, _LONGEST_LOOK)
