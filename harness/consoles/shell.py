"""Commands at a console's shell: the way in when the network is gone."""

import re
import secrets
import shlex
from collections.abc import Sequence
from typing import Final

from ontarget.harness.errors import DeadlineExceeded
from ontarget.harness.transports.protocols import Completed, Console
from ontarget.harness.transports.text import shown

_INTERRUPT: Final = b"\x03"
# Words 1 and 2 joined begin and end what the command says; typed they stand apart, so that an echo is not taken for it.
_LINE: Final = (
    """w={first}''{second}; printf '\\n%s<\\n' "$w"; sh -c '"$@" </dev/null 2>&1' sh {argv}; """
    """printf '\\n%s>%d\\n' "$w" "$?"\r"""
)


class ConsoleShell:
    """A CommandRunner over a console at which somebody is logged in (`log_in`).

    Both streams come as one, as stdout; what the kernel prints meanwhile is in it. For text and a few lines: a serial
    line carries some ten thousand bytes a second.
    """

    def __init__(self, console: Console, device: str) -> None:
        self._console = console
        self._device = device

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0) -> Completed:
        """See CommandRunner; there is no stdin: ValueError."""
        if stdin:
            raise ValueError("a command at a console has no stdin of its own")
        first, second = secrets.token_hex(4), secrets.token_hex(4)
        word = f"{first}{second}".encode()
        self._console.write(_LINE.format(first=first, second=second, argv=shlex.join(argv)).encode())
        try:
            self._console.expect(word + rb"<\r*\n", deadline=deadline)
            said = self._console.expect(word + rb">(\d+)\r*\n", deadline=deadline)
        except DeadlineExceeded as error:
            self._console.write(_INTERRUPT)
            raise DeadlineExceeded(
                f"`{shown(argv)}` did not end within {deadline:g} s at the console: {error}", device=self._device
            ) from error
        body, _, end = said.rpartition(word + b">")
        status = int(re.sub(rb"\D", b"", end))
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"")
        return Completed(tuple(argv), status, body.removesuffix(b"\n"), b"")
