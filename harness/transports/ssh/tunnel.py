"""A local port that leads, inside this process and through an SSH connection, to a port that its far end can reach."""

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import paramiko

from ontarget.harness.errors import InfraError
from ontarget.harness.transports.ssh.connection import Connection

_OPEN_SECONDS: Final = 10.0
_PIECE: Final = 1 << 15
# IPv4 connections of this machine, as Linux lists them; elsewhere there is no such file.
_CONNECTIONS: Final = Path("/proc/net/tcp")

_log = logging.getLogger(__name__)


class Tunnel:
    """Forwards connections made to `port` of 127.0.0.1 by this user, and by nobody else where the system can tell."""

    def __init__(self, connection: Connection, host: str, port: int) -> None:
        """Raises DeviceUnreachable if nobody listens at the far end, DeadlineExceeded."""
        self._connection = connection
        self._far = (host, port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        # One at once, for the first to come, and to say now what is wrong.
        self._first: paramiko.Channel | None = self._channel()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: Final = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name=f"tunnel to {host}:{port}", daemon=True).start()

    def close(self) -> None:
        """End the tunnel and what goes through it. Never raises; may be called twice."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
        self._listener.close()
        with self._lock:
            first, self._first = self._first, None
            still = list(self._open)
        _hang_up(first)
        for near in still:
            with suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)

    def _channel(self) -> paramiko.Channel:
        return self._connection.tunnel(*self._far, time.monotonic() + _OPEN_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                near, peer = self._listener.accept()
            except OSError:  # closed
                return
            if not _is_of_this_user(peer[1], self.port):
                _log.warning("a connection of another user to the tunnel to %s:%d was refused", *self._far)
                near.close()
                continue
            threading.Thread(target=self._carry, args=(near,), name="tunnel", daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with self._lock:
            far, self._first = self._first, None
            self._open.add(near)
        try:
            far = far or self._channel()
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_to_near, args=(far, near), name="tunnel", daemon=True).start()
            _to_far(near, far)
        except InfraError as error:
            _log.warning("%s", error)
        finally:
            _hang_up(far)
            near.close()
            with self._lock:
                self._open.discard(near)


def _hang_up(far: paramiko.Channel | None) -> None:
    with suppress(OSError, EOFError, paramiko.SSHException):  # its connection ended first
        if far is not None:
            far.close()


def _to_far(near: socket.socket, far: paramiko.Channel) -> None:
    with suppress(OSError, EOFError, paramiko.SSHException):  # either end is gone: so is the connection
        while data := near.recv(_PIECE):
            far.sendall(data)


def _to_near(far: paramiko.Channel, near: socket.socket) -> None:
    with suppress(OSError, EOFError, paramiko.SSHException):
        while data := far.recv(_PIECE):
            near.sendall(data)
    with suppress(OSError):
        near.shutdown(socket.SHUT_RDWR)


def _is_of_this_user(port: int, listener: int) -> bool:
    """Whether the loopback connection from `port` to `listener` is this user's; True where the system cannot tell."""
    try:
        lines = _CONNECTIONS.read_text().splitlines()[1:]
    except OSError:
        return True
    wanted = [f"0100007F:{port:04X}", f"0100007F:{listener:04X}"]
    return any(words[1:3] == wanted and int(words[7]) == os.getuid() for words in map(str.split, lines))
