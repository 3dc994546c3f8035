"""A power port of a labgrid place: what `store = "labgrid://host:port"` gives its devices.

The switch is labgrid's own `labgrid-client power`, which knows its kinds of power ports. It lives in an environment of
its own, as labgrid replaces pyserial; $ONTARGET_LABGRID_CLIENT names it where it is not on the PATH.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ontarget.device_farm.power.settings import words
from ontarget.harness.errors import InfraError, UserError

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
        environment = {**os.environ, "LG_HOSTNAME": host, "LG_USERNAME": user}
        try:
            done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InfraError(f"{' '.join(argv)} failed: {error}", device=self.device) from error
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["it said nothing"]
            raise InfraError(f"{' '.join(argv)} ended with {done.returncode}: {said[0]}", device=self.device)


def controller(device: str, settings: Mapping[str, object]) -> PlacePower:
    """Raises UserError."""
    coordinator, place, holder = words(device, "labgrid", settings, "coordinator", "place", "holder")
    if not holder:
        raise UserError(f"labgrid's place {place} is held by nobody: lease it to switch its power", device=device)
    program = os.environ.get(VARIABLE) or shutil.which("labgrid-client")
    if program is None:
        raise UserError(
            f"expected labgrid-client on the PATH or in ${VARIABLE}, to switch power at labgrid; install labgrid in an "
            "environment of its own: pipx install labgrid",
            device=device,
        )
    return PlacePower(device, program, coordinator, place, holder)
