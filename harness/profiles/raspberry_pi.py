"""A Raspberry Pi: its firmware says whether it throttles, and why.

Source: Raspberry Pi documentation, `vcgencmd` (measure_temp, get_throttled).
"""

import re
from dataclasses import replace
from typing import Final

from ontarget.harness import conditions
from ontarget.harness.conditions import Conditions, throttled_by
from ontarget.harness.steadying import cpufreq
from ontarget.harness.steadying.profile import BoardProfile, Command, Read

_THROTTLED: Final = "vcgencmd get_throttled"
_TEMPERATURE: Final = "vcgencmd measure_temp"
_EVERY: Final = 5.0  # seconds: a call of the firmware takes milliseconds, and a round trip


def flags_of(printed: bytes) -> int | None:
    """The flags of `throttled=0x50005`, None for anything else."""
    found = re.fullmatch(rb"throttled=0x([0-9a-fA-F]{1,8})", printed.strip())
    return int(found[1], 16) if found else None


def temperature_of(printed: bytes) -> float | None:
    """Degrees Celsius of `temp=48.3'C`, None for anything else."""
    found = re.fullmatch(rb"temp=(-?[0-9]{1,3}(?:\.[0-9]{1,3})?)'C", printed.strip())
    return float(found[1]) if found else None


def read(found: Read, earlier: Conditions | None = None) -> Conditions:
    """What any Linux tells, completed by the firmware where the kernel does not say it."""
    told = conditions.parse(found, earlier)
    flags, degrees = flags_of(found.get(_THROTTLED) or b""), temperature_of(found.get(_TEMPERATURE) or b"")
    if flags is not None and found.get(conditions.RASPBERRY_PI) is None:
        why = throttled_by(flags)
        told = replace(told, throttled=why is not None, throttled_by=why)
    return told if told.temperature_c is not None else replace(told, temperature_c=degrees)


PROFILE: Final = BoardProfile(
    name="raspberry-pi",
    probe=lambda info: info.kind != "phone" and (info.capabilities.soc or "").startswith("brcm,bcm2"),
    rank=2,
    commands=(
        Command(_THROTTLED, ("vcgencmd", "get_throttled"), _EVERY),
        Command(_TEMPERATURE, ("vcgencmd", "measure_temp"), _EVERY),
    ),
    read=read,
    knobs=cpufreq.knobs,
    planning=cpufreq.planning,
    plan=cpufreq.steady,
    cool_c=65.0,  # well below the soft limit of 80 °C
    reboot=("reboot",),
)
