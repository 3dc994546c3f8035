"""The power switch of a virtual board: `{ driver = "qmp", board = NAME }`.

Off ends its QEMU at once, and with it all that the board has stored; on boots it with the same ports and keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ontarget.device_farm import boards
from ontarget.device_farm.power.settings import Settings, parsed


@dataclass(frozen=True)
class BoardPower:
    """`board` is the name that it was started under; it may take `boot` seconds until it is up."""

    board: str
    boot: float

    def switch(self, on: bool) -> None:
        """Raises UserError if no board of this name has been up, InfraError."""
        if on:
            boards.power_on(self.board, deadline=self.boot)
        else:
            boards.power_off(self.board)


class _Settings(Settings):
    board: str
    boot: float = boards.BOOT_DEADLINE


def controller(device: str, settings: Mapping[str, object]) -> BoardPower:
    """Raises UserError."""
    given = parsed(_Settings, device, "qmp", settings)
    return BoardPower(given.board, given.boot)
