"""What a device said of itself, as the store keeps it."""

import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ontarget.harness.device import DeviceInfo


def facts_of(info: "DeviceInfo") -> Mapping[str, Any]:
    """Return what JSON can hold: "abi", "clock", "cpus" (what `cpu=` is compared with) and all "capabilities"."""
    capabilities = plain(asdict(info.capabilities))
    return {
        "abi": str(info.abi),
        "clock": str(info.clock),
        "cpus": cpus(capabilities),
        "capabilities": capabilities,
    }


def plain(value: Any) -> Any:
    """Return `value` with sets as sorted lists, tuples as lists and keys as text: as JSON would give it back."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value if isinstance(value, bool | int | float | None) else str(value)


def cpus(capabilities: Mapping[str, Any]) -> list[str]:
    """Return the names of the device's kinds of core and of its SoC, in small letters with dashes: "cortex-a53"."""
    names = [core.get("name") for core in capabilities.get("cores", []) if isinstance(core, Mapping)]
    names.append(capabilities.get("soc"))
    return sorted(
        {slug for name in names if name and (slug := re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-"))}
    )
