"""Which devices are what somebody asks for: pure decisions on values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from ontarget.device_farm.errors import NoSuchDevice
from ontarget.device_farm.inventory import RESERVED_KEYS
from ontarget.harness.errors import UserError

PROBED_KEYS = ("model", "abi", "cpu")


@dataclass(frozen=True)
class Traits:
    """What a device can be asked for by. `abi` is None and `cpus` empty until the device has been asked itself."""

    name: str
    model: str | None
    abi: str | None = None
    cpus: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, model: str | None, facts: Mapping[str, Any], tags: Mapping[str, str]) -> "Traits":
        return cls(name, model, facts.get("abi"), frozenset(facts.get("cpus", ())), tags)

    def has(self, key: str, value: str) -> bool:
        if key == "name":
            return self.name == value
        if key == "model":
            return self.model == value
        if key == "abi":
            return self.abi == value
        if key == "cpu":
            return value.lower() in self.cpus
        return self.tags.get(key) == value

    def value(self, key: str) -> str | None:
        if key == "cpu":
            return ", ".join(sorted(self.cpus)) or None
        return {"name": self.name, "model": self.model, "abi": self.abi}.get(key, self.tags.get(key))


def matching(devices: Sequence[Traits], requirements: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the devices that have all that is required, in the order given; the keys are checked.

    Raises UserError for a key that no device has.
    """
    known = {*RESERVED_KEYS, *(tag for device in devices for tag in device.tags)}
    for key in requirements:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UserError(f"no device has {key!r}: a KEY is one of {', '.join(sorted(known))}{hint}")
    return tuple(device.name for device in devices if all(device.has(*pair) for pair in requirements.items()))


def unknown_yet(devices: Sequence[Traits], requirements: Mapping[str, str]) -> tuple[str, ...]:
    """Return the devices of which it is not known whether they match, since nobody has asked them."""
    asked = [key for key in requirements if key in PROBED_KEYS]
    sure = [pair for pair in requirements.items() if pair[0] not in PROBED_KEYS]
    return tuple(
        device.name
        for device in devices
        if any(device.value(key) is None for key in asked) and all(device.has(*pair) for pair in sure)
    )


def refuse(devices: Sequence[Traits], requirements: Mapping[str, str]) -> NoSuchDevice:
    """The error for requirements that no device meets: what was asked, and what there is."""
    if not devices:
        return NoSuchDevice("the farm has no devices: list some in farm.toml, or name one with --on")
    wanted = " ".join(f"{key}={value}" for key, value in requirements.items())
    there = []
    for key in requirements:
        values = sorted({device.value(key) or "unknown" for device in devices})
        there.append(f"{key} is one of {', '.join(values)}")
    return NoSuchDevice(f"no device has {wanted}; in this farm {'; '.join(there)}")
