"""Small things that the transports share: limits, and how commands and outputs are shown in messages."""

import errno
import shlex
from collections.abc import Sequence
from typing import Final

# What a channel keeps of output that nobody reads while it writes; a peer that prints more is not following a protocol.
UNREAD_MOST: Final = 64 << 20
TAIL_MOST: Final = 64 << 10
FULL_DISK: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


class Tail:
    """The last TAIL_MOST bytes of a stream."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        self._kept += data
        del self._kept[:-TAIL_MOST]

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


def shown(argv: Sequence[str], most: int = 120) -> str:
    """A command for a message: quoted, on one line, at most `most` characters."""
    text = " ".join(shlex.join(argv).split())
    return text if len(text) <= most else text[: most - 3] + "..."
