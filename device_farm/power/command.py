"""A power switch behind any command: `{ driver = "command", on = ["pdu", "on", "3"], off = ["pdu", "off", "3"] }`.

A PDU that speaks SNMP is `on = ["snmpset", "-v2c", "HOST", "OID.PORT", "i", "1"]`: net-snmp's programs read the
community from the user's snmp.conf, where nobody else sees it. `cycle = [...]` alone is for what can only restart.
A relative program is looked for on the PATH; nothing passes through a shell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from ontarget.device_farm.power.programs import run
from ontarget.device_farm.power.protocols import Power
from ontarget.device_farm.power.settings import Settings, parsed

Argv = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


@dataclass(frozen=True)
class CommandPower:
    """`on` and `off` are argument lists; each may take `seconds`."""

    device: str
    on: tuple[str, ...]
    off: tuple[str, ...]
    seconds: float

    def switch(self, on: bool) -> None:
        """Raises InfraError, with what the command said."""
        run(self.device, self.on if on else self.off, seconds=self.seconds)


@dataclass(frozen=True)
class CommandCycler:
    device: str
    argv: tuple[str, ...]
    seconds: float

    def cycle(self) -> None:
        """Raises InfraError, with what the command said."""
        run(self.device, self.argv, seconds=self.seconds)


class _Settings(Settings):
    on: Argv | None = None
    off: Argv | None = None
    cycle: Argv | None = None
    seconds: float = Field(default=60.0, gt=0)

    @model_validator(mode="after")
    def _both_or_one(self) -> "_Settings":
        if (self.on is None) != (self.off is None) or (self.on is None) == (self.cycle is None):
            raise ValueError("it takes `on` and `off`, or `cycle` alone, each a list of words")
        return self


def controller(device: str, settings: Mapping[str, object]) -> Power:
    """Raises UserError."""
    given = parsed(_Settings, device, "command", settings)
    if given.on is not None and given.off is not None:
        return CommandPower(device, given.on, given.off, given.seconds)
    return CommandCycler(device, given.cycle or (), given.seconds)
