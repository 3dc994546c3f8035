"""What the commands that look after a store share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ontarget.device_farm.inventory import Inventory

if TYPE_CHECKING:
    from ontarget.device_farm.leases.store import LeaseStore


def inventory_of(farm: Path | None, on: tuple[str, ...]) -> Inventory:
    """The farm that is meant; the user's own where nothing says which."""
    from ontarget.device_farm.own import inventory_for

    return inventory_for(farm, on, os.environ, Path.cwd())


@contextmanager
def opened_store(farm: Path | None, on: tuple[str, ...]) -> "Iterator[tuple[Inventory, LeaseStore]]":
    """The farm that is meant and its store, which may know other devices than the farm file lists."""
    from ontarget.device_farm.identity import owner
    from ontarget.device_farm.leases.sql import open_store
    from ontarget.device_farm.leases.store import Registration

    inventory = inventory_of(farm, on)
    store = open_store(inventory.store)
    try:
        if inventory.store.startswith("sqlite:"):  # elsewhere it is an administrator who tells it
            listed = [Registration(entry.name, entry.connect, entry.kind, entry.model) for entry in inventory.devices]
            store.register(listed, owner())
        yield inventory, store
    finally:
        store.close()
