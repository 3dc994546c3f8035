"""The power switch of a virtual board: `{ driver = "qmp", board = NAME }`.

Off ends its QEMU at once, and with it all that the board has stored; on boots it with the same ports and keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ontarget.device_farm import boards
from ontarget.device_farm.power.settings import words


@dataclass(frozen=True)
class BoardPower:
    """`board` is the name that it was started under."""

    board: str

    def switch(self, on: bool) -> None:
        """Raises UserError if no board of this name has been up, InfraError."""
        if on:
            boards.power_on(self.board)
        else:
            boards.power_off(self.board)


def controller(device: str, settings: Mapping[str, object]) -> BoardPower:
    """Raises UserError."""
    (board,) = words(device, "qmp", settings, "board")
    return BoardPower(board)
