"""Keys of the terminal that we run in, for what reads them on a device."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def raw_keys() -> Iterator[Callable[[], bytes]]:
    """Keys as they are typed, unseen and unchanged, returned by the function without waiting."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def typed() -> bytes:
        ready, _, _ = select.select([descriptor], [], [], 0)
        return os.read(descriptor, 4096) if ready else b""

    tty.setraw(descriptor)
    try:
        yield typed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
