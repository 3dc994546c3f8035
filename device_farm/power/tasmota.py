"""A relay that runs Tasmota: `{ driver = "tasmota", host = "10.0.0.9", relay = 1 }`.

It is switched by /cm?cmnd=Power1 On and answers {"POWER":"ON"}, or {"POWER1":"ON"} if it has several relays
(tasmota.github.io/docs/Commands). A password goes into the address, as that is how it wants it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from ontarget.device_farm.power.settings import Settings, parsed
from ontarget.device_farm.power.web import Host, ask, credentials
from ontarget.harness.errors import AuthenticationFailed, InfraError


@dataclass(frozen=True)
class TasmotaRelay:
    device: str
    host: str
    relay: int

    def switch(self, on: bool) -> None:
        """Raises InfraError."""
        wanted = "ON" if on else "OFF"
        known = credentials(self.host)
        proof = {} if known is None else dict(zip(("user", "password"), known, strict=True))
        said = ask(self.device, self.host, "/cm", {**proof, "cmnd": f"Power{self.relay} {wanted}"})
        if said.get("WARNING"):
            raise AuthenticationFailed(
                f"the Tasmota relay at {self.host} wants a password, or another one: give it in ~/.netrc, as "
                f"`machine {self.host.partition(':')[0]} login admin password ...`",
                device=self.device,
            )
        found = said.get(f"POWER{self.relay}", said.get("POWER") if self.relay == 1 else None)
        if found != wanted:
            raise InfraError(
                f"expected relay {self.relay} of the Tasmota at {self.host} to be {wanted} after it was switched, "
                f"it says {said}",
                device=self.device,
            )


class _Settings(Settings):
    host: Host
    relay: Annotated[int, Field(ge=1)] = 1


def controller(device: str, settings: Mapping[str, object]) -> TasmotaRelay:
    """Raises UserError."""
    given = parsed(_Settings, device, "tasmota", settings)
    return TasmotaRelay(device, given.host, given.relay)
