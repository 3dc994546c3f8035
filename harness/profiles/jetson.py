"""An NVIDIA Jetson: its tools hold the clocks (jetson_clocks), tell the power mode (nvpmodel) and rails (tegrastats).

Source: NVIDIA Jetson Linux Developer Guide, "Platform Power and Performance" and "tegrastats Utility".
"""

import re
from collections.abc import Mapping, Sequence
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
# Source: Linux, Documentation/hwmon/ina3221.rst; the buses are those of NVIDIA's modules.
_INA: Final = "/sys/bus/i2c/drivers/ina3221/{}/hwmon/hwmon{}/"
_BUSES: Final = ("1-0040", "1-0041", "7-0040", "7-0041")
_HWMON_MOST: Final = 8
_CHANNEL_FILES: Final = tuple(
    f"{kind}{n}_{what}" for n in (1, 2, 3) for kind, what in (("in", "label"), ("in", "input"), ("curr", "input"))
)
_LABEL: Final = re.compile(r"(/sys/bus/i2c/drivers/ina3221/[0-9a-f-]+/hwmon/hwmon[0-9]+/)in([1-3])_label")
_RAIL: Final = re.compile(r"\b([A-Z][A-Z0-9_]{1,30}) ([0-9]{1,7})(?:mW)?/([0-9]{1,7})(?:mW)?(?=\s|$)")
_HEAT: Final = re.compile(r"\b([A-Za-z][A-Za-z0-9_-]{0,20})@(-?[0-9]{1,4}(?:\.[0-9]{1,4})?)C\b")
_PROCESSOR: Final = re.compile(r"cpu|tj|soc|thermal", re.IGNORECASE)
_PLAUSIBLE_C: Final = (-40.0, 150.0)
# Where no rail is the whole board's, these add up to it.
_WHOLE: Final[Sequence[str]] = ("VDD_IN", "POM_5V_IN")
_PARTS: Final[Sequence[str]] = ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")
# --store refuses to write over a file.
_HOLD: Final = 'mkdir -p "${1%/*}" && rm -f "$1" && jetson_clocks --store "$1" && jetson_clocks'


def files(cores: int) -> list[str]:
    """What any Linux has, and the channels of the power monitors; their numbers differ from board to board."""
    channels = [
        f"{_INA.format(bus, hwmon)}{file}" for bus in _BUSES for hwmon in range(_HWMON_MOST) for file in _CHANNEL_FILES
    ]
    return [*conditions.paths(cores), *channels]


def meter(found: Read) -> list[str]:
    """The files of the channels that add up to the board."""
    rails = channels_of(found)
    whole = [name for name in _WHOLE if name in rails]
    wanted = whole or [name for name in _PARTS if name in rails]
    return [path for name in wanted for path in rails[name]]


def channels_of(found: Read) -> dict[str, tuple[str, str]]:
    """The files of each channel's millivolts and milliamperes, by its label."""
    rails = {}
    for path, data in found.items():
        if data is not None and (match := _LABEL.fullmatch(path)):
            pair = (f"{match[1]}in{match[2]}_input", f"{match[1]}curr{match[2]}_input")
            if all(found.get(file) is not None for file in pair):
                rails[data.decode("utf-8", "replace").strip()] = pair
    return rails


def channel_watts(found: Read) -> dict[str, float]:
    """Watts of each channel."""
    watts = {}
    for name, (volts, amperes) in channels_of(found).items():
        values = [(found[file] or b"").strip() for file in (volts, amperes)]
        if all(re.fullmatch(rb"[0-9]{1,9}", value) for value in values):
            watts[name] = int(values[0]) * int(values[1]) / 1e6
    return watts


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
    watts = watts_of(channel_watts(found))
    return replace(
        told, governor=governor, temperature_c=heat, watts=watts if watts is not None else watts_of(rails_of(stats))
    )


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
    files=files,
    meter=meter,
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
