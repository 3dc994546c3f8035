"""QEMU's machine protocol (QMP): JSON lines over the Unix socket of a running board.

Protocol: QEMU, docs/interop/qmp-spec. One client is served at a time, so a conversation is one short connection.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ontarget.harness.errors import DeadlineExceeded, DeviceUnreachable, InfraError

LONGEST_LINE = 1 << 20


class Conversation:
    """An open connection whose greeting has been read. `device` is for messages."""

    def __init__(self, stream: socket.socket, device: str) -> None:
        self._stream = stream
        self._device = device
        self._pending = b""

    def execute(self, command: str, **arguments: object) -> Any:
        """Run one command and return what it returns. Raises InfraError, DeviceUnreachable, DeadlineExceeded."""
        request: dict[str, object] = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self._stream.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self.receive()
            if "error" in message:
                raise InfraError(f"QEMU refused {command}: {message['error']}", device=self._device)
            if "return" in message:
                return message["return"]

    def receive(self) -> Mapping[str, Any]:
        """The next message: the greeting, an answer or an event."""
        while b"\n" not in self._pending:
            if len(self._pending) > LONGEST_LINE:
                raise InfraError(f"QEMU sent a line of more than {LONGEST_LINE} bytes", device=self._device)
            received = self._stream.recv(65536)
            if not received:
                raise DeviceUnreachable("QEMU closed its control socket: the board is off", device=self._device)
            self._pending += received
        line, _, self._pending = self._pending.partition(b"\n")
        return parse_line(line, self._device)


def parse_line(line: bytes, device: str) -> Mapping[str, Any]:
    """One message. Raises InfraError if it is no JSON object."""
    try:
        message = json.loads(line)
    except ValueError as error:
        raise InfraError(f"expected a line of JSON from QEMU, got {line[:80]!r}", device=device) from error
    if not isinstance(message, dict):
        raise InfraError(f"expected a JSON object from QEMU, got {line[:80]!r}", device=device)
    return message


@contextmanager
def conversation(path: Path, device: str, *, deadline: float = 10.0) -> Iterator[Conversation]:
    """Connect to the control socket `path`; each read and write may take `deadline` seconds.

    Raises DeviceUnreachable if nobody listens there, DeadlineExceeded if QEMU does not answer.
    """
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(deadline)
        try:
            _connect(stream, path)
            talk = Conversation(stream, device)
            talk.receive()
            talk.execute("qmp_capabilities")
            yield talk
        except TimeoutError as error:
            raise DeadlineExceeded(f"QEMU did not answer on {path} within {deadline:g} s", device=device) from error
        except OSError as error:
            raise DeviceUnreachable(f"no QEMU answers on {path} ({error}): the board is off", device=device) from error


def _connect(stream: socket.socket, path: Path) -> None:
    # A socket's address holds 107 bytes; through the folder's descriptor, paths of any length fit.
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        stream.connect(f"/proc/self/fd/{descriptor}/{path.name}")
    finally:
        os.close(descriptor)
