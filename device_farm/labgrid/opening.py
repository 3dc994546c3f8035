"""Opens the store of an inventory whose lab is labgrid's."""

import re
from typing import Final

import platformdirs

from ontarget.device_farm.errors import UnsupportedStore
from ontarget.device_farm.labgrid.store import LabgridStore
from ontarget.device_farm.leases.sql import open_store

SCHEME: Final = "labgrid://"
_TARGET: Final = re.compile(r"(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})/?")


def open_labgrid(address: str) -> LabgridStore:
    """Connect to the coordinator of `labgrid://host:port`, with a store of the user's own beside it.

    Raises UnsupportedStore, StoreFailed.
    """
    found = _TARGET.fullmatch(address.removeprefix(SCHEME))
    if found is None:
        raise UnsupportedStore(f"expected a store such as labgrid://lab1:20408, found {address!r}")
    target = f"{found['host']}:{found['port']}"
    name = re.sub(r"[^A-Za-z0-9.-]", "-", target)
    folder = platformdirs.user_state_path("ontarget") / "labgrid"
    return LabgridStore(target, open_store(f"sqlite:///{folder / name}.db"))
