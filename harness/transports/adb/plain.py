"""Commands on an adbd without the shell protocol: stderr and status go round about, through a file on the phone.

`exec` has no end of stdin either, so a command's input is counted, and what stays sees its end when we hang up.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Final

from ontarget.harness.transports.adb.framing import strip_number
from ontarget.harness.transports.numbered import numbered

_FOLDER: Final = 'for d in /data/local/tmp /tmp; do [ -w "$d" ] && break; done; e=$d/$1'
_STAYING: Final = f'{_FOLDER}; shift; exec 2>"$e"; exec "$@"'
_ENDING: Final = f"""{_FOLDER}; n=$2; shift 2
if [ "$n" -gt 0 ]; then head -c "$n" | "$@" 2>"$e"; else "$@" 2>"$e" </dev/null; fi
s=$?
cat "$e"; printf '%08d%04d' "$(($(wc -c < "$e")))" "$s"; rm -f "$e"
"""
_READ: Final = f'{_FOLDER}; cat "$e"'
# What waits for the process's own end counts in steps of 0.1 s, as GRACE_SECONDS does.
_END: Final = """
for step in 1 2 3; do kill -0 "$1" 2>/dev/null || exit 0; sleep 0.1; done
kill -9 "-$1" 2>/dev/null; kill -9 "$1" 2>/dev/null
"""
_FORGET: Final = f'{_FOLDER}; rm -f "$e"'

Run = Callable[[Sequence[str]], bytes]
"""Runs a command by `ending` and returns its stdout. Raises InfraError."""


def name() -> str:
    """A name for a process's stderr on the phone."""
    return f".ontarget-{secrets.token_hex(8)}.err"


def staying(argv: Sequence[str], errors: str) -> list[str]:
    """The command that becomes `argv`, its stderr kept in the file `errors`."""
    return ["sh", "-c", _STAYING, "sh", errors, *numbered(argv)]


def ending(argv: Sequence[str], errors: str, size: int) -> list[str]:
    """The command that runs `argv` with `size` bytes of input and says all of it on stdout: see `split_plain`."""
    return ["sh", "-c", _ENDING, "sh", errors, str(size), *numbered(argv)]


def without_number(stderr: bytes) -> bytes:
    return strip_number(stderr)[1]


class InFile:
    """What a process writes to stderr, in a file on the phone."""

    def __init__(self, errors: str, run: Run) -> None:
        self._errors = errors
        self._run = run
        self._given = 0

    def errors(self) -> bytes:
        _, said = strip_number(self._content())
        fresh = said[self._given :]
        self._given = len(said)
        return fresh

    def number(self) -> int | None:
        return strip_number(self._content())[0]

    def kill(self) -> None:
        number = self.number()
        if number is not None:
            self._run(["sh", "-c", _END, "sh", str(number)])

    def forget(self) -> None:
        self._run(["sh", "-c", _FORGET, "sh", self._errors])

    def _content(self) -> bytes:
        return self._run(["sh", "-c", _READ, "sh", self._errors])
