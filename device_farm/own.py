"""The farm of a user who has written none: this machine, and the devices that have been used before."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ontarget.device_farm.inventory import (
    VERSION,
    DeviceEntry,
    Inventory,
    entries_from_words,
    open_inventory,
    own_store,
)
from ontarget.device_farm.leases.store import DeviceStatus
from ontarget.harness.errors import BadAddress
from ontarget.harness.transports.address import parse_address


def inventory_for(
    farm: Path | None, words: Sequence[str], environment: Mapping[str, str], folder: Path, *, device: str | None = None
) -> Inventory:
    """Return what --farm and --on say, a farm.toml nearby, else the user's own farm.

    The user's own also has `device` where that is an address. Raises UserError, MissingFile, BadInventory, StoreFailed.
    """
    found = open_inventory(farm, words, environment, folder)
    if found is not None:
        return found
    from ontarget.device_farm.leases.sql import open_store

    store = open_store(own_store())
    try:
        own = remembered(store.statuses())
    finally:
        store.close()
    if device is None or own.named(device) is not None or not _is_address(device):
        return own
    return own.with_devices([*own.devices, *entries_from_words([device]).devices])


def remembered(statuses: Sequence[DeviceStatus]) -> Inventory:
    """Return the inventory of the devices that a store knows, and this machine."""
    devices = [
        DeviceEntry(name=status.name, connect=status.connect, model=status.model)
        for status in statuses
        if _is_address(status.connect)
    ]
    if not any(entry.name == "local" for entry in devices):
        devices.insert(0, DeviceEntry(name="local", connect="local"))
    return Inventory(VERSION, own_store(), tuple(devices))


def _is_address(words: str) -> bool:
    try:
        parse_address(words)
    except BadAddress:
        return False
    return True
