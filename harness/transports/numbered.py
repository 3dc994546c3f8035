"""How a process on the far side says its number, so that it can be killed there."""

import re
from collections.abc import Sequence
from typing import Final

_SAY_NUMBER: Final = 'echo "ontarget-pid $$" >&2; exec "$@"'
_KILL: Final = 'kill -9 "-$1" 2>/dev/null; kill -9 "$1" 2>/dev/null'
_NUMBER: Final = re.compile(rb"^ontarget-pid ([0-9]+)\n", re.MULTILINE)
_NUMBER_WITHIN: Final = 4096


def numbered(argv: Sequence[str]) -> list[str]:
    """The command that says its process's number on stderr, and then becomes `argv`."""
    return ["sh", "-c", _SAY_NUMBER, "sh", *argv]


def killing(number: int) -> list[str]:
    """The command that kills a process and its group."""
    return ["sh", "-c", _KILL, "sh", str(number)]


class NumberLine:
    """Takes the line with the process's number out of its stderr, wherever the stream is cut into pieces."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._held: bytes | None = b""

    def feed(self, data: bytes) -> bytes:
        """Take a piece, and return what may be shown of the stream by now."""
        if self._held is None:
            return data
        held = self._held + data
        found = _NUMBER.search(held)
        if found:
            self.number = int(found[1])
            held = held[: found.start()] + held[found.end() :]
        elif len(held) < _NUMBER_WITHIN:
            self._held = held
            return b""
        self._held = None
        return held

    def rest(self) -> bytes:
        """What is held back in wait for a line that does not come any more."""
        held, self._held = self._held, None
        return held or b""
