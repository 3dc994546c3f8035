"""A command on a device, its output shown while it runs, under the fence: it ends when another has the device."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from ontarget.harness.agent.placing import Placed
from ontarget.harness.agent.session import Fence, one_line
from ontarget.harness.errors import ConnectionLost, DeadlineExceeded
from ontarget.harness.transports.protocols import Transport

_CHUNK: Final = 1 << 16
_GLANCE: Final = 0.2
_TYPING: Final = 0.02
_OVERLAP: Final = 4096
# The first word is one that the command cannot know: what follows it on stderr is the number of this shell, and later
# the command's exit status. The command is not what reads our stdin, unless word 2 says so.
_SCRIPT: Final = """word=$1; input=$2; shift 2; trap : INT; printf '%s %d\\n' "$word" "$$" >&2
if [ "$input" = typed ]; then "$@"; else "$@" </dev/null; fi
printf '%s %d\\n' "$word" "$?" >&2"""
# For the children of process $1, each with its group.
_INTERRUPT: Final = """for stat in /proc/[0-9]*/stat; do
read -r pid name state parent rest 2>/dev/null <"$stat" || continue
[ "$parent" = "$1" ] && { kill -INT "-$pid" 2>/dev/null || kill -INT "$pid"; }; done; true"""


def fenced(
    placed: Placed, fence: Fence, argv: Sequence[str], terminal: tuple[int, int] | None = None
) -> tuple[str, ...]:
    """Return the command that runs `argv` for the lease of `fence`: whoever has a later one ends it.

    `terminal` gives it one of so many rows and columns.
    """
    rows, columns = terminal or (0, 0)
    words = (placed.root, fence.store, str(fence.token), one_line(fence.owner), str(rows), str(columns))
    return (placed.program, "command", *words, "--", *argv)


def stream(
    transport: Transport,
    argv: Sequence[str],
    *,
    device: str,
    stdout: Callable[[bytes], object],
    stderr: Callable[[str], object],
    check: Callable[[], object],
    typed: Callable[[], bytes] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> int:
    """Run `argv` and return its exit status, 128 + N for one ended by signal N.

    `check` is called at every look, to end the command by raising. Its input is what is `typed`, else empty. When it is
    `interrupted`, SIGINT goes to it. Of what is written to stderr faster than the looks come, the transport may drop
    the oldest. Raises ConnectionLost, DeviceUnreachable.
    """
    told = _Errors(secrets.token_hex(16), stderr)
    channel = transport.open(["sh", "-c", _SCRIPT, "sh", told.word, "" if typed is None else "typed", *argv])
    try:
        more = True
        while more:
            check()
            if interrupted() and told.number is not None:
                transport.run(["sh", "-c", _INTERRUPT, "sh", str(told.number)])
            keys = b"" if typed is None else typed()
            if keys:
                try:
                    channel.write(keys)
                except ConnectionLost:
                    typed = None  # a command that has just ended reads no more; if it is more than that, reading tells
            try:
                data = channel.read(_CHUNK, deadline=_GLANCE if typed is None else _TYPING)
            except DeadlineExceeded:
                pass  # it has nothing to say just now
            else:
                stdout(data)
                more = bool(data)
            told.take(channel.errors())
    finally:
        channel.close()
    told.take(channel.errors())
    status = told.finish()
    if status is None:
        raise ConnectionLost(
            "the command's exit status did not arrive: its shell was killed, by the device's next user perhaps, or the "
            "connection ended; try again",
            device=device,
        )
    return status


class _Errors:
    """What a command writes to stderr, without our own lines before and after it. `number` is its shell's."""

    def __init__(self, word: str, show: Callable[[str], object]) -> None:
        self.word = word
        self.number: int | None = None
        self._show = show
        self._before = ""
        self._held = ""

    def take(self, snapshot: str) -> None:
        """Show what is new in the latest that is known of stderr, but for what may begin our line."""
        self._held += news(self._before, snapshot)
        self._before = snapshot
        first = None if self.number is not None else re.match(rf"{self.word} (\d+)\n", self._held)
        if first is not None:
            self.number = int(first[1])
            self._held = self._held[first.end() :]
        end = self._held.find(self.word)
        if end < 0:
            end = len(self._held) - _common(self._held, self.word)
        if end:
            self._show(self._held[:end])
            self._held = self._held[end:]

    def finish(self) -> int | None:
        """Show the rest and return the exit status, None if it is not there."""
        match = re.match(rf"{self.word} (\d+)\n", self._held)
        rest = self._held[match.end() :] if match else self._held
        if rest:
            self._show(rest)
        return int(match[1]) if match else None


def news(before: str, now: str) -> str:
    """Return what `now`, the last part of a growing text, has beyond `before`, an earlier last part of it."""
    if now.startswith(before):
        return now[len(before) :]
    overlap = before[-_OVERLAP:]
    at = now.rfind(overlap)
    return now if at < 0 else now[at + len(overlap) :]


def _common(text: str, word: str) -> int:
    """Length of the longest end of `text` that is a beginning of `word`."""
    return next((length for length in range(min(len(word), len(text)), 0, -1) if text.endswith(word[:length])), 0)
