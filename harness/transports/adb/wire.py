"""One process's connection: bytes to and from a socket that never blocks, with whatever framing."""

import select
import socket
from contextlib import suppress
from typing import Final

from ontarget.harness.transports.adb.framing import Framing

_PIECE: Final = 1 << 16


class Wire:
    """`at_end`: nothing more comes. `framing` holds what has come."""

    def __init__(self, connection: socket.socket, framing: Framing) -> None:
        connection.setblocking(False)
        self.framing = framing
        self.at_end = False
        self._socket = connection
        self._outgoing = bytearray()
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    @property
    def over(self) -> bool:
        """Whether the process has ended, or the connection."""
        return self.at_end or self.framing.status is not None

    @property
    def flushed(self) -> bool:
        return not self._outgoing

    def offer(self, data: memoryview) -> memoryview:
        """Take a piece for stdin if there is room; return what is left."""
        if self._outgoing:
            return data
        self._outgoing += self.framing.stdin(data[:_PIECE])
        self._flush()
        return data[_PIECE:]

    def end_stdin(self) -> None:
        self._outgoing += self.framing.end_of_stdin()
        self._flush()

    def wait(self, seconds: float) -> bool:
        """Wait until something can be sent or has come, and do it; False if nothing did in time."""
        self._poll.modify(self._socket, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
        if not self._poll.poll(max(0.0, seconds) * 1000):
            return False
        self._flush()
        self.receive()
        return True

    def receive(self) -> None:
        """Take what has come, without waiting."""
        if self.at_end:
            return
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:  # reset: the peer is gone as it is at an end
            data = b""
        self.framing.take(data)
        if not data:
            self.at_end = True
            self._outgoing.clear()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()
        self.at_end = True

    def _flush(self) -> None:
        if not self._outgoing or self.at_end:
            return
        try:
            sent = self._socket.send(self._outgoing)
        except BlockingIOError:
            return
        except OSError:  # it no longer takes anything; what it had said can still be read
            sent = len(self._outgoing)
        del self._outgoing[:sent]
