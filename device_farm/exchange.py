"""A farm as a file: its devices, their states and the audit log as JSON, its inventory as TOML."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ontarget.device_farm.errors import BadExport
from ontarget.device_farm.inventory import DeviceEntry, Inventory
from ontarget.device_farm.leases.store import DeviceState, DeviceStatus, LeaseStore, Registration, Transition
from ontarget.device_farm.times import rfc3339, rfc3339_exact

VERSION: Final = 1
_KINDS = "local|board|virtual|phone"


class _Value(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Device(_Value):
    name: Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
    connect: str
    kind: Annotated[str, Field(pattern=f"^({_KINDS})$")]
    model: str | None = None
    state: DeviceState
    reason: str | None = None
    author: str | None = None


class _Line(_Value):
    at: AwareDatetime
    device: str
    state: DeviceState
    reason: str
    author: str
    token: int | None = None


class Export(_Value):
    """What `read` understood. Facts are learnt again from the devices, and leases end where they began."""

    version: Annotated[int, Field(alias="ontarget_farm")]
    devices: tuple[_Device, ...]
    log: tuple[_Line, ...] = ()


def to_json(inventory: Inventory, statuses: Sequence[DeviceStatus], log: Sequence[Transition]) -> dict[str, Any]:
    """Return all of a farm but its secrets and leases, as JSON can hold it."""
    return {
        "ontarget_farm": VERSION,
        "devices": [
            {
                "name": status.name,
                "connect": status.connect,
                "kind": status.kind,
                "model": status.model,
                # who holds it now is no business of another store
                "state": (DeviceState.AVAILABLE if status.state is DeviceState.LEASED else status.state).value,
                "reason": status.reason,
                "author": status.author,
                "since": rfc3339_exact(status.since),
                "facts": dict(status.facts),
            }
            for status in statuses
        ],
        "inventory": [_written(entry) for entry in inventory.devices],
        "log": [
            {
                "at": rfc3339_exact(line.at),
                "device": line.device,
                "state": line.state.value,
                "reason": line.reason,
                "author": line.author,
                "role": line.role,
                "token": line.token,
            }
            for line in log
        ],
    }


def read(text: str, name: str) -> Export:
    """Understand what `to_json` wrote into the file `name`. Raises BadExport."""
    try:
        found = Export.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise BadExport(f"{name}: expected what `ontarget farm export` writes, found no JSON: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadExport(
            f"{name}: expected what `ontarget farm export` writes, found at {place or 'the top'}: {first['msg']}"
        ) from error
    if found.version != VERSION:
        raise BadExport(f"{name}: expected version {VERSION} of an exported farm, found {found.version}")
    return found


def take_in(store: LeaseStore, found: Export, author: str) -> None:
    """Make the devices known with their states, and add the log's lines that are not there yet.

    Raises StoreFailed, NotPermitted.
    """
    store.register([Registration(d.name, d.connect, d.kind, d.model) for d in found.devices], author)
    states = {status.name: (status.state, status.reason) for status in store.statuses()}
    for device in found.devices:
        if device.state is not DeviceState.LEASED and device.state is not DeviceState.AVAILABLE:
            reason = device.reason or "imported so"
            if states[device.name] != (device.state, reason):
                store.set_state(device.name, device.state, reason, device.author or author)
    store.recall([Transition(x.at.timestamp(), x.device, x.state, x.reason, x.author, x.token) for x in found.log])


def to_toml(inventory: Inventory, statuses: Sequence[DeviceStatus]) -> str:
    """Return a farm.toml that lists the inventory; states, which no file decides, are comments."""
    states = {status.name: status for status in statuses}
    lines = [f"version = {inventory.version}", f"store = {_toml(inventory.store)}"]
    for entry in inventory.devices:
        lines += ["", "[[device]]"]
        status = states.get(entry.name)
        if status is not None and status.state not in (DeviceState.AVAILABLE, DeviceState.LEASED):
            lines.append(f"# {status.state} since {rfc3339(status.since)}: {' '.join((status.reason or '').split())}")
        lines += [f"{key} = {_toml(value)}" for key, value in _written(entry).items()]
    return "\n".join(lines) + "\n"


def _written(entry: DeviceEntry) -> dict[str, Any]:
    """What somebody would write of a device: nothing that follows from the rest."""
    return entry.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | {"kind": entry.kind}


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # a JSON string, number or truth value is one of TOML; the one character that differs is DEL
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else _toml(key)
