"""Clocks by Linux' cpufreq: which files set them, and to what for a measurement.

Source: Linux, Documentation/admin-guide/pm/cpufreq.rst and intel_pstate.rst.
"""

from collections.abc import Mapping
from typing import Final

from ontarget.harness.conditions import CORES_MOST, CPU
from ontarget.harness.steadying.profile import Knob

_GOVERNOR: Final = "scaling_governor"
_GOVERNORS: Final = "scaling_available_governors"
_MOST: Final = "scaling_max_freq"
_FREQUENCIES: Final = "scaling_available_frequencies"
_ONLINE: Final = "/sys/devices/system/cpu/cpu{}/online"
_BOOST: Final = "/sys/devices/system/cpu/cpufreq/boost"
_NO_TURBO: Final = "/sys/devices/system/cpu/intel_pstate/no_turbo"


def knobs(cores: int) -> list[Knob]:
    """Cores that may be offline, boost, governors, and the highest clock; in the order in which they are set."""
    every = range(min(cores, CORES_MOST))
    paths = [
        *(_ONLINE.format(core) for core in every),
        *(_BOOST, _NO_TURBO),
        *(CPU.format(core) + name for name in (_GOVERNOR, _MOST) for core in every),
    ]
    return [Knob(path) for path in paths]


def planning(cores: int) -> list[str]:
    """What else has to be known: what a core can be set to."""
    return [CPU.format(core) + name for core in range(min(cores, CORES_MOST)) for name in (_GOVERNORS, _FREQUENCIES)]


def steady(found: Mapping[str, str]) -> dict[str, str]:
    """All cores online, no boost, the governor that keeps the clock up."""
    return {
        **{path: "1" for path, value in found.items() if path.endswith("/online") and value == "0"},
        **({_BOOST: "0"} if found.get(_BOOST) == "1" else {}),
        **({_NO_TURBO: "1"} if found.get(_NO_TURBO) == "0" else {}),
        **_governors(found),
    }


def steady_below_top(found: Mapping[str, str], *, share: float = 0.8) -> dict[str, str]:
    """As `steady`, with the clocks capped at `share` of their highest, which a device without a fan can hold."""
    caps = {}
    for path, value in found.items():
        choices = sorted(int(word) for word in found.get(_beside(path, _FREQUENCIES), "").split() if word.isdecimal())
        if path.endswith(f"/{_MOST}") and choices and value.isdecimal():
            cap = max((choice for choice in choices if choice <= share * choices[-1]), default=choices[0])
            if cap < int(value):
                caps[path] = str(cap)
    return {**steady(found), **caps}


def _governors(found: Mapping[str, str]) -> dict[str, str]:
    return {
        path: "performance"
        for path, value in found.items()
        if path.endswith(f"/{_GOVERNOR}")
        and value != "performance"
        and "performance" in found.get(_beside(path, _GOVERNORS), "").split()
    }


def _beside(path: str, name: str) -> str:
    return f"{path.rpartition('/')[0]}/{name}"
