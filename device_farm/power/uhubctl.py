"""A port of a USB hub that switches its power: `{ driver = "uhubctl", hub = "1-1", port = 2 }`.

By the program uhubctl (Debian package uhubctl), which names hubs and ports when it is run without arguments. It has to
be allowed to the user by a udev rule (its documentation has one). Many hubs cut only the data lines: try it first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from ontarget.device_farm.power.programs import found, run
from ontarget.device_farm.power.settings import Settings, parsed
from ontarget.harness.errors import InfraError

_SECONDS: Final = 30.0


@dataclass(frozen=True)
class HubPort:
    device: str
    program: str
    hub: str
    port: int

    def switch(self, on: bool) -> None:
        """Raises InfraError, with what uhubctl said."""
        action = "on" if on else "off"
        # Some devices stay powered through a single switch-off.
        argv = [self.program, "-l", self.hub, "-p", str(self.port), "-a", action, "-r", "5"]
        said = run(self.device, argv, seconds=_SECONDS)
        state = power_state(said, self.port)
        if state is not None and state != on:
            raise InfraError(
                f"expected port {self.port} of hub {self.hub} to be {action}, uhubctl says after it: "
                f"{'power' if state else 'off'}; does this hub switch power by port?",
                device=self.device,
            )


def power_state(said: str, port: int) -> bool | None:
    """What uhubctl says of a port after it has acted, None where it does not say.

    It prints `  Port 2: 0000 off` or `  Port 2: 0100 power` beneath "New status" (uhubctl's README).
    """
    _, new, after = said.partition("New status")
    for line in (after if new else said).splitlines():
        words = line.split()
        if len(words) > 3 and words[:2] == ["Port", f"{port}:"]:
            return "off" not in words[3:]
    return None


class _Settings(Settings):
    hub: str
    port: Annotated[int, Field(ge=1)]


def controller(device: str, settings: Mapping[str, object]) -> HubPort:
    """Raises UserError, also if uhubctl is not installed."""
    given = parsed(_Settings, device, "uhubctl", settings)
    return HubPort(device, found(device, "uhubctl", "the Debian package uhubctl"), given.hub, given.port)
