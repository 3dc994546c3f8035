"""What a device was doing while it was measured: clocks, heat, load. Every fact is optional: few devices tell all."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CPU: Final = "/sys/devices/system/cpu/cpu{}/cpufreq/"
_ZONE: Final = "/sys/class/thermal/thermal_zone{}/"
_LOADAVG: Final = "/proc/loadavg"
_CPUINFO: Final = "/proc/cpuinfo"
# Raspberry Pi firmware: bits 0 to 3 are under-voltage, capped clock, throttled, soft temperature limit, as of now.
RASPBERRY_PI: Final = "/sys/devices/platform/soc/soc:firmware/get_throttled"
# Source: Raspberry Pi documentation, `vcgencmd get_throttled`. Bits 16 to 19 say the same of all the time since boot.
_RASPBERRY_PI_NOW: Final = ("under-voltage", "clock capped", "throttled", "soft temperature limit")
_BATTERIES: Final = ("battery", "BAT0", "BAT1")
_SUPPLY: Final = "/sys/class/power_supply/{}/"
_SUPPLY_FILES: Final = ("capacity", "status", "current_now", "voltage_now")
# x86: how often the package was too hot, since the start.
_X86_THROTTLED: Final = "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
_ZONES_MOST: Final = 16
# What the kernel does against heat. Source: Linux, Documentation/driver-api/thermal/sysfs-api.rst.
_COOLING: Final = "/sys/class/thermal/cooling_device{}/"
_COOLING_MOST: Final = 16
_COOLS_THE_CPU: Final = re.compile(r"cpufreq|^Processor$|cpu", re.IGNORECASE)
CORES_MOST: Final = 64
# Names of the zones that are the processor's own, where there are others too (battery, radio, disk).
_OF_THE_CPU: Final = re.compile(r"cpu|soc|pkg|core|big|little|tsens", re.IGNORECASE)
_CLOCK: Final = re.compile(r"/sys/devices/system/cpu/cpu([0-9]{1,4})/cpufreq/scaling_cur_freq")
_CLOCKS_WATCHED: Final = 4
_ZONES_WATCHED: Final = 4
_PLAUSIBLE_C: Final = (-40.0, 150.0)


@dataclass(frozen=True)
class Conditions:
    """A moment on a device.

    `cpu_mhz` is the clock of the fastest core (an idle core's says little), `governor` the frequency governors, joined
    by commas, `temperature_c` that of the hottest zone of the processor, `load` the running tasks of the last minute,
    `throttled` whether the device held itself back just now or since the moment before, `throttle_count` how often it
    did since it was started, `throttled_by` why it does, where it says so. `battery_percent` is of a full one, None
    without a battery; `charging` whether it gets power from outside; `watts` what the device takes, by its own meter.
    """

    cpu_mhz: float | None = None
    governor: str | None = None
    temperature_c: float | None = None
    load: float | None = None
    throttled: bool | None = None
    throttle_count: int | None = None
    throttled_by: str | None = None
    battery_percent: float | None = None
    charging: bool | None = None
    watts: float | None = None

    def unknown(self) -> tuple[str, ...]:
        """What matters to a timing and cannot be read on this device, for people."""
        known = {
            "the clock": self.cpu_mhz,
            "the temperature": self.temperature_c,
            "throttling": self.throttled if self.throttle_count is None else self.throttle_count,
        }
        return tuple(name for name, value in known.items() if value is None)


def paths(cores: int) -> list[str]:
    """All files that may tell something on a device of so many cores."""
    found = [_LOADAVG, _CPUINFO, RASPBERRY_PI, _X86_THROTTLED]
    for core in range(min(cores, CORES_MOST)):
        found += [CPU.format(core) + "scaling_cur_freq", CPU.format(core) + "scaling_governor"]
    for zone in range(_ZONES_MOST):
        found += [_ZONE.format(zone) + "type", _ZONE.format(zone) + "temp"]
    found += [_COOLING.format(number) + file for number in range(_COOLING_MOST) for file in ("type", "cur_state")]
    found += [_SUPPLY.format(name) + file for name in _BATTERIES for file in _SUPPLY_FILES]
    return found


def watched(files: Mapping[str, bytes | None], cores: Sequence[int]) -> list[str]:
    """Of the files that were found, those worth sampling beside a measurement on `cores` (() for all).

    They tell of the clocks of these cores, the heat of the processor, and throttling.
    """
    clocks = [path for path in files if (found := _CLOCK.fullmatch(path)) and (not cores or int(found[1]) in cores)]
    texts = _texts(files)
    zones = [zone for zone in range(_ZONES_MOST) if _ZONE.format(zone) + "temp" in texts]
    own = [zone for zone in zones if _OF_THE_CPU.search(texts.get(_ZONE.format(zone) + "type", ""))]
    flags: list[str] = [path for path in (RASPBERRY_PI, _X86_THROTTLED) if path in texts]
    flags += [path for path, _ in _cooling(texts)][:_ZONES_WATCHED]
    # one core of a cluster stands for its clock, and few zones for the heat: each file costs time on the device
    return [
        *flags,
        *clocks[:_CLOCKS_WATCHED],
        *(_ZONE.format(zone) + "temp" for zone in (own or zones)[:_ZONES_WATCHED]),
    ]


def meter(files: Mapping[str, bytes | None]) -> list[str]:
    """Of the files that were found, those that tell what the device takes: its battery's, while nothing charges it."""
    texts = _texts(files)
    for name in _BATTERIES:
        found = [_SUPPLY.format(name) + file for file in ("current_now", "voltage_now", "status")]
        if all(path in texts for path in found):
            return found
    return []


def parse(files: Mapping[str, bytes | None], earlier: Conditions | None = None) -> Conditions:
    """Read what the files hold (None or absent: there is no such file); `earlier` is the moment before."""
    texts = _texts(files)
    flags = _integer(texts.get(RASPBERRY_PI), 16)
    percent, charging = _battery(texts)
    cooling = [(path, state) for path, state in _cooling(texts) if state > 0]
    count = _integer(texts.get(_X86_THROTTLED))
    return Conditions(
        cpu_mhz=_cpu_mhz(texts),
        governor=_governor(texts),
        temperature_c=_temperature(texts),
        load=_number(texts.get(_LOADAVG, "").split(" ")[0]),
        throttled=True if cooling else _throttled(flags, count, earlier, cools=bool(_cooling(texts))),
        throttle_count=count,
        throttled_by=_why(texts, flags, cooling),
        battery_percent=percent,
        charging=charging,
        watts=_watts(texts),
    )


def throttled_by(flags: int) -> str | None:
    """What a Raspberry Pi's flags say of this moment, None for nothing."""
    return ", ".join(word for bit, word in enumerate(_RASPBERRY_PI_NOW) if flags >> bit & 1) or None


def _texts(files: Mapping[str, bytes | None]) -> dict[str, str]:
    return {path: data.decode("utf-8", "replace").strip() for path, data in files.items() if data is not None}


def _battery(texts: Mapping[str, str]) -> tuple[float | None, bool | None]:
    """Per cent of a full one, and whether it is not being drained. Source: Linux, Documentation/ABI/testing/
    sysfs-class-power."""
    for name in _BATTERIES:
        percent, status = (
            _number(texts.get(_SUPPLY.format(name) + "capacity")),
            texts.get(_SUPPLY.format(name) + "status"),
        )
        if percent is not None and 0 <= percent <= 100:
            return percent, None if status in (None, "", "Unknown") else status != "Discharging"
    return None, None


def _cpu_mhz(texts: Mapping[str, str]) -> float | None:
    kilohertz = [_number(text) for path, text in texts.items() if path.endswith("/scaling_cur_freq")]
    found = [value / 1000 for value in kilohertz if value is not None]
    if not found:
        matches = re.findall(r"^cpu MHz\s*:\s*(\S+)", texts.get(_CPUINFO, ""), re.MULTILINE)
        found = [value for value in map(_number, matches) if value is not None]
    return max(found, default=None)


def _governor(texts: Mapping[str, str]) -> str | None:
    found = {text for path, text in texts.items() if path.endswith("/scaling_governor") and text}
    return ",".join(sorted(found)) or None


def _temperature(texts: Mapping[str, str]) -> float | None:
    own: list[float] = []
    other: list[float] = []
    for zone in range(_ZONES_MOST):
        millidegrees = _number(texts.get(_ZONE.format(zone) + "temp"))
        if millidegrees is None:
            continue
        degrees = millidegrees / 1000
        if _PLAUSIBLE_C[0] < degrees < _PLAUSIBLE_C[1]:
            kind = texts.get(_ZONE.format(zone) + "type", "")
            (own if _OF_THE_CPU.search(kind) else other).append(degrees)
    return max(own or other, default=None)


def _cooling(texts: Mapping[str, str]) -> list[tuple[str, int]]:
    """The files that say how far the kernel holds the processor back, and their states, 0 for not at all."""
    found = []
    for number in range(_COOLING_MOST):
        path = _COOLING.format(number) + "cur_state"
        state = _integer(texts.get(path))
        if state is not None and _COOLS_THE_CPU.search(texts.get(_COOLING.format(number) + "type", "")):
            found.append((path, state))
    return found


def _why(texts: Mapping[str, str], flags: int | None, cooling: Sequence[tuple[str, int]]) -> str | None:
    said = [] if flags is None else [throttled_by(flags)]
    said += [f"{texts[path.replace('cur_state', 'type')]} at step {state}" for path, state in cooling]
    return ", ".join(word for word in said if word) or None


def _watts(texts: Mapping[str, str]) -> float | None:
    """What a battery gives, in microampere and microvolt; makers disagree about the sign."""
    for name in _BATTERIES:
        if texts.get(_SUPPLY.format(name) + "status") == "Discharging":
            amperes, volts = (
                _number(texts.get(_SUPPLY.format(name) + f"{what}_now")) for what in ("current", "voltage")
            )
            return None if amperes is None or volts is None else abs(amperes) * volts / 1e12
    return None


def _throttled(flags: int | None, count: int | None, earlier: Conditions | None, *, cools: bool) -> bool | None:
    if flags is not None:
        return throttled_by(flags) is not None
    if count is None or earlier is None or earlier.throttle_count is None:
        return False if cools else None
    return count > earlier.throttle_count


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", text, re.ASCII):
        return None
    return float(text)


def _integer(text: str | None, base: int = 10) -> int | None:
    pattern = r"(0x)?[0-9a-fA-F]{1,16}" if base == 16 else r"[0-9]{1,18}"
    return int(text, base) if text is not None and re.fullmatch(pattern, text, re.ASCII) else None


def present(files: Sequence[str], contents: Sequence[bytes | None]) -> list[str]:
    """Which of the files there are: only those are worth reading again."""
    return [path for path, data in zip(files, contents, strict=True) if data is not None]
