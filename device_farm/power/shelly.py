"""A Shelly relay, of the first or a later generation: `{ driver = "shelly", host = "10.0.0.8", relay = 0 }`.

Which it is, it says itself at /shelly. The first generation is switched by /relay/N?turn=on and wants HTTP's basic
proof of a password, later ones by /rpc/Switch.Set and the digest (shelly-api-docs.shelly.cloud, gen1 and gen2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from ontarget.device_farm.power.settings import Settings, parsed
from ontarget.device_farm.power.web import Host, ask
from ontarget.harness.errors import InfraError


@dataclass(frozen=True)
class ShellyRelay:
    device: str
    host: str
    relay: int

    def switch(self, on: bool) -> None:
        """Raises InfraError."""
        says = ask(self.device, self.host, "/shelly")
        if isinstance(says.get("gen"), int) and says["gen"] >= 2:
            number = {"id": str(self.relay)}
            ask(self.device, self.host, "/rpc/Switch.Set", {**number, "on": str(on).lower()}, digest=True)
            found = ask(self.device, self.host, "/rpc/Switch.GetStatus", number, digest=True).get("output")
        elif "type" in says:
            turn = {"turn": "on" if on else "off"}
            found = ask(self.device, self.host, f"/relay/{self.relay}", turn).get("ison")
        else:
            raise InfraError(f"expected a Shelly relay at {self.host}, found one that says {says}", device=self.device)
        if found is not on:
            raise InfraError(
                f"expected relay {self.relay} of the Shelly at {self.host} to be {'on' if on else 'off'} after it was "
                f"switched, it says {found!r}: has it tripped?",
                device=self.device,
            )


class _Settings(Settings):
    host: Host
    relay: Annotated[int, Field(ge=0)] = 0


def controller(device: str, settings: Mapping[str, object]) -> ShellyRelay:
    """Raises UserError."""
    given = parsed(_Settings, device, "shelly", settings)
    return ShellyRelay(device, given.host, given.relay)
