"""A phone: what its services tell, and what may be set by the shell of one that is not rooted.

Source: Android Developers, "Fixed Performance Mode"; AOSP, "Thermal mitigation", ThermalManagerService.java (dump) and
BatteryService.java (dump).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ontarget.harness import conditions
from ontarget.harness.conditions import Conditions
from ontarget.harness.steadying import cpufreq
from ontarget.harness.steadying.profile import BoardProfile, Command, Knob, Read

_THERMAL: Final = "dumpsys thermalservice"
_BATTERY: Final = "dumpsys battery"
_STATUS: Final = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_CPU, _BATTERY_TYPE, _SKIN = 0, 2, 3
_TEMPERATURE: Final = re.compile(r"Temperature\{mValue=(-?[0-9]{1,3}(?:\.[0-9]+)?), mType=(-?[0-9]{1,2}), mName=")
_LIVE: Final = "Current temperatures from HAL:"
_PLAUSIBLE_C: Final = (1.0, 150.0)  # sensors that are not there say 0
_NEVER_SET: Final = "null"
_STAY_ON: Final = "stay_on_while_plugged_in"
_AIRPLANE: Final = "airplane_mode_on"
_FIXED: Final = "fixed-performance-mode"
_NETWORK: Final = "adb over the network"
# `adb tcpip` and `adb connect`, and wireless debugging.
_PORTS: Final = "getprop service.adb.tcp.port; getprop service.adb.tls.port"


def temperature_of(printed: str) -> float | None:
    """Degrees Celsius of the hottest of the processor's sensors, else of the skin's.

    Those of now, not the cached ones that stand above them.
    """
    _, live, now = printed.partition(_LIVE)
    by_kind: dict[int, float] = {}
    for value, kind in _TEMPERATURE.findall(now if live else ""):
        degrees = float(value)
        if _PLAUSIBLE_C[0] <= degrees <= _PLAUSIBLE_C[1]:
            by_kind[int(kind)] = max(degrees, by_kind.get(int(kind), degrees))
    return by_kind.get(_CPU, by_kind.get(_SKIN))


def status_of(printed: str) -> int | None:
    """The thermal status, 0 (none) to 6 (shutdown), None where the phone has no such service."""
    ready = re.search(r"^\s*HAL Ready: true", printed, re.MULTILINE)
    found = re.search(r"^\s*Thermal Status: ([0-6])\s*$", printed, re.MULTILINE)
    return int(found[1]) if found and ready else None


def battery_of(printed: str) -> tuple[float | None, bool | None]:
    """Per cent of a full battery, and whether power comes from outside. What somebody made up says nothing."""
    if "UPDATES STOPPED" in printed:
        return None, None
    level, scale = (re.search(rf"^\s*{name}: ([0-9]{{1,5}})\s*$", printed, re.MULTILINE) for name in ("level", "scale"))
    powered = re.findall(r"^\s*[A-Z][A-Za-z]* powered: (true|false)", printed, re.MULTILINE)
    percent = None
    if level and (most := int(scale[1]) if scale else 100) > 0 and int(level[1]) <= most:
        percent = 100 * int(level[1]) / most
    return percent, "true" in powered if powered else None


def read(found: Read, earlier: Conditions | None = None) -> Conditions:
    """What the files tell that a shell may read, completed by the services, which know more of heat and throttling."""
    told = conditions.parse(found, earlier)
    thermal = (found.get(_THERMAL) or b"").decode("utf-8", "replace")
    status, heat = status_of(thermal), temperature_of(thermal)
    if status is not None:
        told = replace(
            told, throttled=bool(status), throttled_by=f"thermal status {_STATUS[status]}" if status else None
        )
    if heat is not None:
        told = replace(told, temperature_c=heat)
    percent, charging = battery_of((found.get(_BATTERY) or b"").decode("utf-8", "replace"))
    known = told.battery_percent if percent is None else percent
    return replace(told, battery_percent=known, charging=told.charging if charging is None else charging)


def knobs(cores: int) -> list[Knob]:
    """What a shell may set, then what takes root."""

    def setting(name: str) -> Knob:
        get = ("settings", "get", "global", name)

        def put(value: str) -> tuple[str, ...]:
            never = value == _NEVER_SET
            return ("settings", "delete", "global", name) if never else ("settings", "put", "global", name, value)

        return Knob(name, get, put, _number, lasting=True, root=False)

    def airplane(value: str) -> tuple[str, ...]:
        return ("cmd", "connectivity", "airplane-mode", "enable" if value == "1" else "disable")

    def fixed(value: str) -> tuple[str, ...]:
        return ("cmd", "power", "set-fixed-performance-mode-enabled", value)

    return [
        Knob(_NETWORK, ("sh", "-c", _PORTS), shown=_port, root=False),
        setting(_STAY_ON),
        Knob(_AIRPLANE, ("settings", "get", "global", _AIRPLANE), airplane, _switch, lasting=True, root=False),
        Knob(_FIXED, None, fixed, assumed="false", root=False),  # nothing tells its state; it is off after each boot
        *cpufreq.knobs(cores),
    ]


def plan(found: Mapping[str, str]) -> dict[str, str]:
    """Awake while plugged in, no radio unless that is our way in, fixed performance, and the clocks where root may."""
    wanted = {_STAY_ON: "7", _AIRPLANE: "1", _FIXED: "true", **cpufreq.steady_below_top(found)}
    if found.get(_NETWORK, "0") != "0":
        del wanted[_AIRPLANE]
    return wanted


def _number(printed: bytes) -> str | None:
    text = printed.decode("ascii", "replace").strip()
    return text if text == _NEVER_SET or text.isdecimal() else None


def _switch(printed: bytes) -> str | None:
    """On or off; never set is off."""
    text = printed.decode("ascii", "replace").strip()
    return "0" if text == _NEVER_SET else text if text in ("0", "1") else None


def _port(printed: bytes) -> str:
    """The first port that adb listens at, "0" for none."""
    return next((word for word in printed.decode("ascii", "replace").split() if word.isdecimal() and word != "0"), "0")


PROFILE: Final = BoardProfile(
    name="android",
    probe=lambda info: info.kind == "phone",
    rank=3,
    commands=(
        Command(_THERMAL, ("dumpsys", "thermalservice"), every=5.0),
        Command(_BATTERY, ("dumpsys", "battery"), every=60.0),
    ),
    read=read,
    knobs=knobs,
    planning=cpufreq.planning,
    plan=plan,
    cool_c=45.0,
    reboot=("reboot",),
)
