"""Places as entries of an inventory: pure decisions on values."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from ontarget.device_farm.inventory import RESERVED_KEYS, DeviceEntry
from ontarget.device_farm.labgrid.lab import Place, Resource
from ontarget.harness.transports.address import SshAddress

# What `labgrid-client power` can switch.
_POWER: Final = frozenset(
    {
        "NetworkPowerPort",
        "NetworkSiSPMPowerPort",
        "NetworkSysfsGPIO",
        "NetworkUSBPowerPort",
        "NetworkYKUSHPowerPort",
        "PDUDaemonPort",
        "TasmotaPowerPort",
    }
)
_CONSOLE_SCHEMES: Final = {"rfc2217": "rfc2217", "raw": "socket"}


def entry_of(
    place: Place, resources: Sequence[Resource], target: str, listed: DeviceEntry | None = None
) -> DeviceEntry | str:
    """Return a place as a device, or why it is none.

    NetworkService is how to connect, NetworkSerialPort the console, a power port the power; the place's tags are tags,
    `model` among them the model. What the farm file says of a device of the same name, `listed`, goes before.
    """
    values: dict[str, Any] = {"name": place.name, "tags": _tags(place)}
    if "model" in place.tags:
        values["model"] = place.tags["model"]
    for resource in resources:
        values = {**_from(resource, place, target), **values}  # the first of a kind counts
    if listed is not None:
        given = {key: getattr(listed, key) for key in listed.model_fields_set}
        given["tags"] = {**values["tags"], **listed.tags}
        values |= {key: value for key, value in given.items() if value is not None}
    if "connect" not in values:
        return "it has no NetworkService, and the farm file no [[device]] of its name with `connect`"
    try:
        return DeviceEntry(**values)
    except ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())


def _tags(place: Place) -> dict[str, str]:
    return {key: value for key, value in place.tags.items() if key not in RESERVED_KEYS}


def _from(resource: Resource, place: Place, target: str) -> dict[str, Any]:
    """What one resource says of its device."""
    params = resource.params
    if resource.kind == "NetworkService":
        address = SshAddress(str(params["address"]), params.get("username"), params.get("port"))
        return {"connect": str(address), **_jump(resource.extra)}
    if resource.kind == "NetworkSerialPort" and params.get("port") and params.get("host"):
        scheme = _CONSOLE_SCHEMES.get(str(params.get("protocol", "rfc2217")))
        return {"console": f"{scheme}://{params['host']}:{params['port']}"} if scheme else {}
    if resource.kind in _POWER:
        power = {"driver": "labgrid", "coordinator": target, "place": place.name, "holder": place.holder or ""}
        return {"power": power}
    return {}


def _jump(extra: Mapping[str, Any]) -> dict[str, str]:
    """An exporter that hides its network is the host to jump through."""
    return {"jump": str(extra["proxy"])} if extra.get("proxy_required") and extra.get("proxy") else {}
