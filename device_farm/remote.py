"""A command on a device, its output shown while it runs."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded
from ontarget.harness.transports.protocols import ChannelOpener

_CHUNK: Final = 1 << 16
_GLANCE: Final = 0.2
_OVERLAP: Final = 4096
# The first word is one that the command cannot know: what follows it on stderr is the command's exit status.
_SCRIPT: Final = """word=$1; shift; "$@" </dev/null; printf '%s %d\\n' "$word" "$?" >&2"""


def stream(
    opener: ChannelOpener,
    argv: Sequence[str],
    *,
    device: str,
    stdout: Callable[[bytes], object],
    stderr: Callable[[str], object],
    check: Callable[[], object],
) -> int:
    """Run `argv` with empty input and return its exit status, 128 + N for one ended by signal N.

    `check` is called at every look, to end the command by raising. Of what is written to stderr faster than the looks
    come, the transport may drop the oldest. Raises ConnectionLost, DeviceUnreachable.
    """
    told = _Errors(secrets.token_hex(16), stderr)
    channel = opener.open(["sh", "-c", _SCRIPT, "sh", told.word, *argv])
    try:
        more = True
        while more:
            check()
            try:
                data = channel.read(_CHUNK, deadline=_GLANCE)
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
            "the command's exit status did not arrive: its shell was killed or the connection ended; try again",
            device=device,
        )
    return status


class _Errors:
    """What a command writes to stderr, without our own line at its end."""

    def __init__(self, word: str, show: Callable[[str], object]) -> None:
        self.word = word
        self._show = show
        self._before = ""
        self._held = ""

    def take(self, snapshot: str) -> None:
        """Show what is new in the latest that is known of stderr, but for what may begin our line."""
        self._held += news(self._before, snapshot)
        self._before = snapshot
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
