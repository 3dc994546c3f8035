"""What a device is, from the files in which Linux tells it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ontarget.harness.abi import Abi
from ontarget.harness.cores import Core, parse_cpuinfo

_CPUINFO: Final = "/proc/cpuinfo"
_MEMINFO: Final = "/proc/meminfo"
_OS_RELEASE: Final = "/etc/os-release"
_KERNEL: Final = "/proc/sys/kernel/osrelease"
_TREE_MODEL: Final = "/proc/device-tree/model"
_TREE_COMPATIBLE: Final = "/proc/device-tree/compatible"
_SOC_MACHINE: Final = "/sys/devices/soc0/machine"
_DMI_PRODUCT: Final = "/sys/class/dmi/id/product_name"
_CLOCK_MOST: Final = "/sys/devices/system/cpu/cpu{}/cpufreq/cpuinfo_max_freq"
_CORES_MOST: Final = 64
_READ_MOST: Final = 65536
_EMULATOR: Final = "linux,dummy-virt"
_ARTICLE: Final = re.compile(r"\s+Rev(ision)?\s+[0-9.]+$", re.IGNORECASE)
_MODEL_WORD: Final = re.compile(r"\s+Model\s+(?=[A-Z]\b)")


@dataclass(frozen=True)
class Capabilities:
    """What tests may ask of a device. `memory_bytes` is all that the kernel has, `isa_features` what all cores have.

    `machine_model` is the device tree's or the firmware's name of the machine, `emulated` whether the device tree says
    that the machine is an emulator's. Of Android, `fingerprint` names the system's build, `abis` what it runs.
    """

    soc: str | None = None
    cores: tuple[Core, ...] = ()
    isa_features: frozenset[str] = frozenset()
    memory_bytes: int | None = None
    os: str | None = None
    kernel: str | None = None
    machine_model: str | None = None
    emulated: bool = False
    fingerprint: str | None = None
    abis: tuple[str, ...] = ()


def paths(cores: int) -> list[str]:
    """The files to read on a device of so many cores."""
    return [
        *(_CPUINFO, _MEMINFO, _OS_RELEASE, _KERNEL, _TREE_MODEL, _TREE_COMPATIBLE),
        *(_SOC_MACHINE, _DMI_PRODUCT),
        *(_CLOCK_MOST.format(core) for core in range(min(cores, _CORES_MOST))),
    ]


def parse(files: Mapping[str, bytes | None]) -> Capabilities:
    """Read what the files hold; None or absent: there is no such file."""
    texts = {path: data.decode("utf-8", "replace") for path, data in files.items() if data is not None}
    cpu = parse_cpuinfo(_whole(texts.get(_CPUINFO, "")))
    compatible = [word for word in texts.get(_TREE_COMPATIBLE, "").split("\0") if word]
    tree_model = texts.get(_TREE_MODEL, "").strip("\0\n ") or cpu.model
    emulated = _EMULATOR in compatible or tree_model == _EMULATOR
    clocks = {core: _megahertz(texts.get(_CLOCK_MOST.format(core))) for core in range(_CORES_MOST)}
    return Capabilities(
        soc=None if emulated else _soc(compatible) or _line(texts.get(_SOC_MACHINE)) or cpu.hardware,
        cores=cpu.with_clocks({core: clock for core, clock in clocks.items() if clock is not None}),
        isa_features=cpu.features,
        memory_bytes=_memory(texts.get(_MEMINFO, "")),
        os=_os(texts.get(_OS_RELEASE, "")),
        kernel=_line(texts.get(_KERNEL)),
        machine_model=tree_model or _line(texts.get(_DMI_PRODUCT)),
        emulated=emulated,
    )


def model_of(capabilities: Capabilities, *, kind: str, abi: Abi, has_tree: bool) -> str:
    """The model of a device that nobody named: a slug of its device tree's model, else "local", else "unknown-<abi>".

    "Raspberry Pi 4 Model B Rev 1.4" is "raspberry-pi-4b": revisions are one model. A phone has no tree.
    """
    if (has_tree or kind == "phone") and capabilities.machine_model:
        slug = slug_of(capabilities.machine_model)
        if slug:
            return slug
    return "local" if kind == "local" else f"unknown-{abi}"


def has_tree(files: Mapping[str, bytes | None]) -> bool:
    """Whether the device has a device tree that names it: a PC's firmware tells a name too, but few tell a good one."""
    return bool((files.get(_TREE_MODEL) or b"").strip(b"\0\n "))


def slug_of(name: str) -> str:
    """A machine's name as a word: small letters, digits, dashes."""
    short = _MODEL_WORD.sub("", _ARTICLE.sub("", name.strip()))
    return re.sub(r"[^a-z0-9]+", "-", short.lower()).strip("-")


def _whole(cpuinfo: str) -> str:
    """The text without a last core that was cut off, on machines of many cores."""
    return cpuinfo if len(cpuinfo) < _READ_MOST else cpuinfo[: cpuinfo.rfind("\n\n")]


def _soc(compatible: Sequence[str]) -> str | None:
    """The last word of a device tree's list is the most general one: the SoC, such as "brcm,bcm2711"."""
    return compatible[-1] if compatible else None


def _memory(text: str) -> int | None:
    found = re.search(r"^MemTotal:\s*([0-9]{1,15}) kB", text, re.MULTILINE | re.ASCII)
    return int(found[1]) * 1024 if found else None


def _os(text: str) -> str | None:
    found = re.search(r"^PRETTY_NAME=(.*)$", text, re.MULTILINE)
    return found[1].strip().strip("\"'") or None if found else None


def _line(text: str | None) -> str | None:
    return (text or "").strip("\0\n ").split("\n")[0] or None


def _megahertz(text: str | None) -> float | None:
    kilohertz = (text or "").strip()
    return int(kilohertz) / 1000 if re.fullmatch(r"[0-9]{1,12}", kilohertz, re.ASCII) else None
