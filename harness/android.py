"""What an Android device says of itself in its properties, and what a build must be to run there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ontarget.harness.probe import Capabilities

_LINE: Final = re.compile(r"^\[([^\]\n]*)\]: \[(.*?)\]$", re.MULTILINE | re.DOTALL)
# The first that has a value is taken: properties for the SoC came with Android 12.
_SOC: Final = ("ro.soc.model", "ro.board.platform", "ro.hardware")
_EMULATORS: Final = ("ro.boot.qemu", "ro.kernel.qemu")
CLOCK: Final = "ro.ontarget.clock"
"""A virtual phone's own property: what its clock counts."""


@dataclass(frozen=True)
class Phone:
    """`abis` in the phone's order of preference, `release` Android's version, `sdk` its API level."""

    maker: str | None = None
    model: str | None = None
    soc: str | None = None
    abis: tuple[str, ...] = ()
    release: str | None = None
    sdk: int | None = None
    fingerprint: str | None = None
    emulated: bool = False
    clock: str | None = None

    @property
    def name(self) -> str | None:
        """Maker and model, as in "Google Pixel 8"; many models begin with the maker's name."""
        if self.model is None or self.maker is None or self.model.lower().startswith(self.maker.lower()):
            return self.model
        return f"{self.maker} {self.model}"

    @property
    def os(self) -> str | None:
        """As in "Android 14 (API 34)"."""
        if self.release is None:
            return None
        return f"Android {self.release}" + ("" if self.sdk is None else f" (API {self.sdk})")


def properties(output: str) -> dict[str, str]:
    """Read what `getprop` prints; a value may have several lines."""
    return dict(_LINE.findall(output.replace("\r\n", "\n")))


def phone(known: Mapping[str, str]) -> Phone:
    """What the properties tell."""
    sdk = known.get("ro.build.version.sdk", "")
    return Phone(
        maker=_word(known, "ro.product.manufacturer"),
        model=_word(known, "ro.product.model"),
        soc=next((known[name] for name in _SOC if known.get(name)), None),
        abis=tuple(filter(None, known.get("ro.product.cpu.abilist", known.get("ro.product.cpu.abi", "")).split(","))),
        release=_word(known, "ro.build.version.release"),
        sdk=int(sdk) if re.fullmatch(r"[0-9]{1,6}", sdk, re.ASCII) else None,
        fingerprint=_word(known, "ro.build.fingerprint") or _word(known, "ro.vendor.build.fingerprint"),
        emulated=any(known.get(name) == "1" for name in _EMULATORS),
        clock=_word(known, CLOCK),
    )


def completed(capabilities: Capabilities, found: Phone) -> Capabilities:
    """What is known of a device's machine, with what its Android says: that goes before what its files say."""
    return replace(
        capabilities,
        soc=found.soc or capabilities.soc,
        os=found.os or capabilities.os,
        machine_model=found.name or capabilities.machine_model,
        emulated=found.emulated or capabilities.emulated,
        fingerprint=found.fingerprint,
        abis=found.abis,
    )


def _word(known: Mapping[str, str], name: str) -> str | None:
    return known.get(name, "").strip() or None
