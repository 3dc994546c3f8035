"""An NVIDIA Jetson: its tools hold the clocks (jetson_clocks), tell the power mode (nvpmodel) and rails (tegrastats).

Source: NVIDIA Jetson Linux Developer Guide, "Platform Power and Performance" and "tegrastats Utility".
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ontarget.harness import conditions
from ontarget.harness.conditions import Conditions
from ontarget.harness.steadying import cpufreq
from ontarget.harness.steadying.profile import BoardProfile, Command, Knob, Read

_STATS: Final = "tegrastats"
_MODE: Final = "nvpmodel -q"
_CLOCKS: Final = "jetson_clocks"
_STORED: Final = "/var/lib/ontarget/jetson_clocks"
_HELD, _FREE = "held", "free"
_RAIL: Final = re.compile(r"\b([A-Z][A-Z0-9_]{1,30}) ([0-9]{1,7})(?:mW)?/([0-9]{1,7})(?:mW)?(?=\s|$)")
_HEAT: Final = re.compile(r"\b([A-Za-z][A-Za-z0-9_-]{0,20})@(-?[0-9]{1,4}(?:\.[0-9]{1,4})?)C\b")
_PROCESSOR: Final = re.compile(r"cpu|tj|soc|thermal", re.IGNORECASE)
_PLAUSIBLE_C: Final = (-40.0, 150.0)
# Where no rail is the whole board's, these add up to it.
_WHOLE: Final = ("VDD_IN", "POM_5V_IN")
_PARTS: Final = ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")
# --store refuses to write over a file.
_HOLD: Final = 'mkdir -p "${1%/*}" && rm -f "$1" && jetson_clocks --store "$1" && jetson_clocks'


def rails_of(line: str) -> dict[str, float]:
    """Watts of each rail in a line of tegrastats, as of now; rails that are not connected are left out."""
    return {name: int(now) / 1000 for name, now, _ in _RAIL.findall(line) if name not in ("NC", "RAM", "SWAP", "IRAM")}


def watts_of(rails: Mapping[str, float]) -> float | None:
    """What the board takes, None where its rails do not tell."""
    whole = [rails[name] for name in _WHOLE if name in rails]
    parts = [rails[name] for name in _PARTS if name in rails]
    return whole[0] if whole else round(sum(parts), 6) if parts else None


def heat_of(line: str) -> float | None:
    """Degrees Celsius of the hottest of the processor's sensors in a line of tegrastats; absent ones say -256."""
    found = [(name, float(degrees)) for name, degrees in _HEAT.findall(line)]
    found = [(name, degrees) for name, degrees in found if _PLAUSIBLE_C[0] < degrees < _PLAUSIBLE_C[1]]
    return max((degrees for name, degrees in found if _PROCESSOR.search(name)), default=None)


def mode_of(printed: str) -> str | None:
    """The power mode's name: "MAXN" of `NV Power Mode: MAXN`, None for anything else."""
    found = re.search(r"^NV Power Mode:\s*(\S{1,40})\s*$", printed, re.MULTILINE)
    return found[1] if found else None


def clocks_of(printed: bytes) -> str | None:
    """Whether `jetson_clocks --show` says that all cores' clocks are held: their least is their highest."""
    cores = re.findall(rb"^cpu[0-9]+:.*\bMinFreq=([0-9]+) MaxFreq=([0-9]+)", printed, re.MULTILINE)
    if not cores:
        return None
    return _HELD if all(low == high for low, high in cores) else _FREE


def read(found: Read, earlier: Conditions | None = None) -> Conditions:
    """What any Linux tells, with the rails' power, and the power mode beside the governor."""
    told = conditions.parse(found, earlier)
    stats = (found.get(_STATS) or b"").decode("utf-8", "replace")
    mode = mode_of((found.get(_MODE) or b"").decode("utf-8", "replace"))
    governor = ", ".join(word for word in (told.governor, mode and f"nvpmodel {mode}") if word) or None
    heat = told.temperature_c if told.temperature_c is not None else heat_of(stats)
    return replace(told, governor=governor, temperature_c=heat, watts=watts_of(rails_of(stats)))


def knobs(cores: int) -> list[Knob]:
    """jetson_clocks, which keeps what it changes in a file of its own; else the governors."""

    def write(value: str) -> tuple[str, ...]:
        hold = ("sh", "-c", _HOLD, "sh", _STORED)
        return hold if value == _HELD else ("jetson_clocks", "--restore", _STORED)

    return [Knob(_CLOCKS, ("jetson_clocks", "--show"), write, shown=clocks_of), *cpufreq.knobs(cores)]


def plan(found: Mapping[str, str]) -> dict[str, str]:
    """Hold the clocks by NVIDIA's own tool where it is there; the power mode is the user's choice, and left alone."""
    return {_CLOCKS: _HELD} if _CLOCKS in found else cpufreq.steady(found)


PROFILE: Final = BoardProfile(
    name="jetson",
    probe=lambda info: (info.capabilities.soc or "").startswith("nvidia,tegra"),
    rank=2,
    commands=(
        # it prints for ever, the first line after one interval
        Command(_STATS, ("sh", "-c", "tegrastats --interval 100 | head -n 1"), every=15.0),
        Command(_MODE, ("nvpmodel", "-q"), every=60.0),
    ),
    read=read,
    knobs=knobs,
    planning=cpufreq.planning,
    plan=plan,
    cool_c=60.0,
    reboot=("reboot",),
)
