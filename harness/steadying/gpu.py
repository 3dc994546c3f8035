"""What a GPU is doing: clock, load, heat, and whether it is held back, as kernels and tools tell it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# Adreno. Source: Linux for Snapdragon, drivers/gpu/msm/kgsl_pwrctrl.c: the attributes of kgsl-3d0.
_KGSL: Final = "/sys/class/kgsl/kgsl-3d0/"
_KGSL_FILES: Final = ("gpuclk", "max_gpuclk", "gpubusy", "temp", "thermal_pwrlevel")
# Mali, Tegra and others. Source: Linux, Documentation/ABI/testing/sysfs-class-devfreq.
_DEVFREQ: Final = "/sys/class/devfreq/"
_DEVFREQ_FILES: Final = ("cur_freq", "max_freq", "available_frequencies")
_OF_A_GPU: Final = re.compile(r"gpu|mali|kgsl|gp10b|gv11b|ga10b", re.IGNORECASE)
# Source: NVIDIA Jetson Linux Developer Guide, "tegrastats Utility": GR3D_FREQ X%@Y, of newer ones X%@[Y,Y].
_GR3D: Final = re.compile(r"\bGR3D_FREQ ([0-9]{1,3})%(?:@\[?([0-9]{1,5}))?")
_GPU_HEAT: Final = re.compile(r"\b(?:GPU|gpu)@(-?[0-9]{1,4}(?:\.[0-9]{1,4})?)C\b")
_PLAUSIBLE_C: Final = (-40.0, 150.0)

Read = Mapping[str, bytes | None]


@dataclass(frozen=True)
class GpuMoment:
    """`mhz` is its clock, `busy` the share of time that it worked (0 to 1), `throttled` whether it may not run as fast
    as it can; None: not told."""

    mhz: float | None = None
    busy: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None

    def in_words(self) -> str:
        """For people, "" if nothing is known."""
        known = [
            None if self.mhz is None else f"{self.mhz:.0f} MHz",
            None if self.busy is None else f"{self.busy:.0%} busy",
            None if self.temperature_c is None else f"{self.temperature_c:.0f} °C",
            "held back" if self.throttled else None,
        ]
        return ", ".join(word for word in known if word)


def paths(devfreq: Sequence[str]) -> list[str]:
    """The files that tell of a GPU, given the names in /sys/class/devfreq."""
    gpus = [name for name in devfreq if _OF_A_GPU.search(name)]
    return [
        *(f"{_KGSL}{file}" for file in _KGSL_FILES),
        *(f"{_DEVFREQ}{name}/{file}" for name in gpus for file in _DEVFREQ_FILES),
    ]


def parse(files: Read) -> GpuMoment:
    """What the files tell; kgsl's, where there are any, as they say most."""
    told = kgsl(files)
    return told if told != GpuMoment() else devfreq(files)


def kgsl(files: Read) -> GpuMoment:
    """An Adreno: gpuclk in Hz, gpubusy as time at work and all time, temp in degrees or thousandths of them.

    thermal_pwrlevel is the fastest level that heat allows; 0 is the fastest that there is.
    """
    clock, level, heat = (_number(files, f"{_KGSL}{file}") for file in ("gpuclk", "thermal_pwrlevel", "temp"))
    busy = re.fullmatch(rb"\s*([0-9]{1,12})\s+([0-9]{1,12})\s*", files.get(f"{_KGSL}gpubusy") or b"")
    share = min(int(busy[1]) / int(busy[2]), 1.0) if busy and int(busy[2]) else 0.0 if busy else None
    return GpuMoment(
        mhz=None if clock is None else clock / 1e6,
        busy=share,
        temperature_c=_plausible(None if heat is None else heat / 1000 if abs(heat) > 1000 else float(heat)),
        throttled=None if level is None else level > 0,
    )


def devfreq(files: Read) -> GpuMoment:
    """A GPU of Linux's devfreq: held back if its limit is below the fastest clock that it has. Clocks in Hz."""
    current = next((path for path in files if path.endswith("/cur_freq") and files[path] is not None), None)
    clock = None if current is None else _number(files, current)
    if current is None or clock is None:
        return GpuMoment()
    folder = current.removesuffix("cur_freq")
    words = (files.get(f"{folder}available_frequencies") or b"").split()
    offered = [int(word) for word in words if re.fullmatch(rb"[0-9]{1,12}", word)]
    limit = _number(files, f"{folder}max_freq")
    return GpuMoment(mhz=clock / 1e6, throttled=None if limit is None or not offered else limit < max(offered))


def tegrastats(line: str) -> GpuMoment:
    """A Jetson's, by a line of tegrastats: load in percent, clock in MHz where it is told, degrees Celsius."""
    load, heat = _GR3D.search(line), _GPU_HEAT.search(line)
    return GpuMoment(
        mhz=float(load[2]) if load and load[2] else None,
        busy=min(int(load[1]) / 100, 1.0) if load else None,
        temperature_c=_plausible(float(heat[1]) if heat else None),
    )


def _number(files: Read, path: str) -> int | None:
    text = (files.get(path) or b"").strip()
    return int(text) if re.fullmatch(rb"-?[0-9]{1,12}", text) else None


def _plausible(degrees: float | None) -> float | None:
    return degrees if degrees is not None and _PLAUSIBLE_C[0] < degrees < _PLAUSIBLE_C[1] else None
