"""A power port of a labgrid place: what `store = "labgrid://host:port"` gives its devices.

The switch is labgrid's own `labgrid-client power`, which knows its kinds of power ports. It lives in an environment of
its own, as labgrid replaces pyserial; $ONTARGET_LABGRID_CLIENT names it where it is not on the PATH.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ontarget.device_farm.power.programs import run
from ontarget.device_farm.power.settings import Settings, parsed
from ontarget.harness.errors import UserError

VARIABLE: Final = "ONTARGET_LABGRID_CLIENT"
_SECONDS: Final = 60.0


@dataclass(frozen=True)
class PlacePower:
    """`holder` is the name under which `place` is acquired at the coordinator, as host/user."""

    device: str
    program: str
    coordinator: str
    place: str
    holder: str

    def switch(self, on: bool) -> None:
        """Raises InfraError, with what labgrid-client said."""
        host, _, user = self.holder.partition("/")
        argv = [self.program, "-x", self.coordinator, "-p", self.place, "power", "on" if on else "off"]
        run(self.device, argv, seconds=_SECONDS, environment={"LG_HOSTNAME": host, "LG_USERNAME": user})


class _Settings(Settings):
    coordinator: str
    place: str
    holder: str


def controller(device: str, settings: Mapping[str, object]) -> PlacePower:
    """Raises UserError."""
    given = parsed(_Settings, device, "labgrid", settings)
    if not given.holder:
        raise UserError(f"labgrid's place {given.place} is held by nobody: lease it to switch its power", device=device)
    program = os.environ.get(VARIABLE) or shutil.which("labgrid-client")
    if program is None:
        raise UserError(
            f"expected labgrid-client on the PATH or in ${VARIABLE}, to switch power at labgrid; install labgrid in an "
            "environment of its own: pipx install labgrid",
            device=device,
        )
    return PlacePower(device, program, given.coordinator, given.place, given.holder)
