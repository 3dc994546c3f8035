"""A log of lines with times, made from bytes that come in any pieces."""

import re
from collections import deque
from datetime import datetime
from typing import Final

LINES_MOST: Final = 50_000
_LINE_MOST: Final = 4096
_PIECES: Final = re.compile(rb"[^\n]*\n|[^\n]+")


class LineLog:
    """Keeps the last LINES_MOST lines; a line's time is that of its first byte, given by who adds it."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES_MOST)
        self._open = bytearray()
        self._since: datetime | None = None
        self._dropped = 0

    def add(self, data: bytes, now: datetime) -> None:
        """Take what was printed at `now`. Overlong lines are broken."""
        for piece in _PIECES.findall(data):
            self._since = self._since or now
            self._open += piece
            if piece.endswith(b"\n") or len(self._open) > _LINE_MOST:
                self._end_line()

    def note(self, text: str, now: datetime) -> None:
        """Add a line of ours, in brackets."""
        self._end_line()
        self._append(f"{stamp(now)} [{text}]")

    def text(self) -> str:
        """All lines, the last perhaps not yet ended."""
        lines = list(self._lines)
        if self._dropped:
            lines.insert(0, f"[{self._dropped} earlier lines were dropped]")
        if self._open and self._since:
            lines.append(self._shown(self._since))
        return "".join(f"{line}\n" for line in lines)

    def _end_line(self) -> None:
        if self._open and self._since:
            self._append(self._shown(self._since))
        self._open.clear()
        self._since = None

    def _append(self, line: str) -> None:
        self._dropped += len(self._lines) == LINES_MOST
        self._lines.append(line)

    def _shown(self, since: datetime) -> str:
        return f"{stamp(since)} {self._open.decode('utf-8', 'replace').rstrip(chr(13) + chr(10))}"


def stamp(time: datetime) -> str:
    """RFC 3339 in UTC to the millisecond: 2026-01-31T12:00:00.000Z. `time` must be in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
