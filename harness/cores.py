"""The processor's cores, from the text of /proc/cpuinfo."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

# Implementer and part of the main ID register. Source: Linux, arch/arm64/include/asm/cputype.h and
# arch/arm/include/asm/cputype.h; util-linux, sys-utils/lscpu-arm.c.
_ARM: Final = 0x41
_QUALCOMM: Final = 0x51
_APPLE: Final = 0x61
_NVIDIA: Final = 0x4E
_FUJITSU: Final = 0x46
_HISILICON: Final = 0x48
_AMPERE: Final = 0xC0
_PARTS: Final[Mapping[int, Mapping[int, str]]] = {
    _ARM: {
        0xC05: "Cortex-A5",
        0xC07: "Cortex-A7",
        0xC08: "Cortex-A8",
        0xC09: "Cortex-A9",
        0xC0D: "Cortex-A17",
        0xC0E: "Cortex-A17",
        0xC0F: "Cortex-A15",
        0xB76: "ARM1176",
        0xD01: "Cortex-A32",
        0xD02: "Cortex-A34",
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD06: "Cortex-A65",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD0E: "Cortex-A76AE",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4A: "Neoverse-E1",
        0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD84: "Neoverse-V3",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD8E: "Neoverse-N3",
    },
    _QUALCOMM: {
        0x201: "Kryo",
        0x205: "Kryo",
        0x211: "Kryo",
        0x800: "Kryo-2XX-Gold",
        0x801: "Kryo-2XX-Silver",
        0x802: "Kryo-3XX-Gold",
        0x803: "Kryo-3XX-Silver",
        0x804: "Kryo-4XX-Gold",
        0x805: "Kryo-4XX-Silver",
        0x001: "Oryon",
    },
    _APPLE: {0x022: "Icestorm-M1", 0x023: "Firestorm-M1", 0x032: "Blizzard-M2", 0x033: "Avalanche-M2"},
    _NVIDIA: {0x003: "Denver-2", 0x004: "Carmel"},
    _FUJITSU: {0x001: "A64FX"},
    _HISILICON: {0xD01: "Kunpeng-920", 0xD40: "Cortex-A76"},
    _AMPERE: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1a"},
}
_FIELD: Final = re.compile(r"^([^:\n]+?)[ \t]*:[ \t]*([^\n]*)$", re.MULTILINE)
_IMPLEMENTER: Final = "CPU implementer"
_PART: Final = "CPU part"


@dataclass(frozen=True)
class Core:
    """One core: its number, its kind's name ("Cortex-A53", or what x86 calls its model), its top clock in MHz."""

    number: int
    name: str
    mhz_most: float | None = None


@dataclass(frozen=True)
class CpuInfo:
    """`features` are what all cores have; `hardware` and `model` what 32-bit Arm kernels tell of the board."""

    cores: tuple[Core, ...]
    features: frozenset[str]
    hardware: str | None
    model: str | None

    def with_clocks(self, mhz: Mapping[int, float]) -> tuple[Core, ...]:
        return tuple(replace(core, mhz_most=mhz.get(core.number)) for core in self.cores)


def parse_cpuinfo(text: str) -> CpuInfo:
    """Read /proc/cpuinfo of x86, arm and arm64 kernels. Whatever is not understood is left out."""
    common: dict[str, str] = {}
    blocks: dict[int, dict[str, str]] = {}
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] | None = None
        for found in _FIELD.finditer(paragraph):
            name, value = found[1].strip(), found[2].strip()
            number = _decimal(value) if name == "processor" else None
            if number is not None:
                fields = blocks.setdefault(number, {})
            elif fields is None:
                common.setdefault(name, value)
            else:
                fields.setdefault(name, value)
    cores = tuple(Core(number, _name({**common, **fields})) for number, fields in sorted(blocks.items()))
    features = [_features({**common, **fields}) for fields in blocks.values()]
    everywhere = frozenset.intersection(*features) if features else frozenset[str]()
    return CpuInfo(cores, everywhere, common.get("Hardware"), common.get("Model"))


def _name(fields: Mapping[str, str]) -> str:
    implementer, part = _hexadecimal(fields.get(_IMPLEMENTER)), _hexadecimal(fields.get(_PART))
    if implementer is not None and part is not None:
        return _PARTS.get(implementer, {}).get(part) or f"arm-{implementer:#04x}-{part:#05x}"
    return fields.get("model name") or fields.get("Processor") or "unknown"


def _features(fields: Mapping[str, str]) -> frozenset[str]:
    return frozenset((fields.get("flags") or fields.get("Features") or "").split())


def _decimal(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else None


def _hexadecimal(text: str | None) -> int | None:
    return int(text, 16) if text is not None and re.fullmatch(r"0x[0-9a-fA-F]{1,8}", text, re.ASCII) else None
