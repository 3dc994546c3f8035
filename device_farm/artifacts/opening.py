"""Which artifact store: as typed, else $ONTARGET_ARTIFACTS, else that of the farm, else the user's own."""

from collections.abc import Mapping
from typing import Final

import platformdirs

from ontarget.device_farm.artifacts.store import ArtifactStore
from ontarget.device_farm.inventory import Inventory

VARIABLE: Final = "ONTARGET_ARTIFACTS"


def store_address(typed: str | None, environment: Mapping[str, str], inventory: Inventory | None) -> str:
    """The address; the user's own store is under $XDG_DATA_HOME/ontarget."""
    of_farm = None if inventory is None else inventory.artifacts
    own = platformdirs.user_data_path("ontarget") / "artifacts"
    return typed or environment.get(VARIABLE) or of_farm or str(own)


def open_store(typed: str | None, environment: Mapping[str, str], inventory: Inventory | None) -> ArtifactStore:
    """Raises UserError for an address that means nothing, MissingExtra."""
    return ArtifactStore(store_address(typed, environment, inventory))
