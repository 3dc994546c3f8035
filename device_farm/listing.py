"""Stores that know the devices themselves, as an existing lab's do: its farm file need not list them."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ontarget.device_farm.errors import NoSuchDevice
from ontarget.device_farm.inventory import DeviceEntry, Inventory


@runtime_checkable
class ListsDevices(Protocol):
    """A `LeaseStore` with devices of its own."""

    @property
    def notice(self) -> str:
        """What this store cannot promise that others do, for people."""
        ...

    def entries(self, listed: Sequence[DeviceEntry]) -> tuple[tuple[DeviceEntry, ...], dict[str, str]]:
        """Return its devices, completed by what a farm file lists of them, and why others are none, by name."""
        ...


def listed_by(store: ListsDevices, inventory: Inventory) -> tuple[Inventory, list[str]]:
    """Return the inventory with the store's devices, and what is to be said at the start.

    Raises NoSuchDevice, StoreFailed.
    """
    devices, refused = store.entries(inventory.devices)
    if not devices:
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items()) or "it has no places"
        raise NoSuchDevice(f"{inventory.store} has no device that can be used: {why}")
    return inventory.with_devices(devices), [
        store.notice,
        *(f"{name} of {inventory.store} is left out: {reason}" for name, reason in refused.items()),
    ]
