"""Sends a file by adbd's `sync` service (AOSP, packages/modules/adb/SYNC.TXT)."""

import socket
import struct
import time
from pathlib import Path
from typing import Final

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded

SERVICE: Final = "sync:"
PATH_MOST: Final = 1024
_PIECE: Final = 64 << 10
_REGULAR: Final = 0o100000
_HEADER: Final = struct.Struct("<4sI")


def push(wire: socket.socket, local: Path, remote: str, *, executable: bool, ends: float, device: str) -> str | None:
    """Send the file to `remote`, making its folder; None if it was taken, else why not, in the phone's words.

    Raises ConnectionLost, DeadlineExceeded; OSError only where `local` cannot be read.
    """
    mode = _REGULAR | (0o755 if executable else 0o644)
    with local.open("rb") as source:
        try:
            _send(wire, _message(b"SEND", f"{remote},{mode}".encode()), ends)
            while piece := source.read(_PIECE):
                _send(wire, _message(b"DATA", piece), ends)
            _send(wire, _HEADER.pack(b"DONE", int(time.time()) & 0xFFFFFFFF), ends)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has hung up, perhaps after saying why
        except TimeoutError as error:
            raise DeadlineExceeded(f"{local} was not sent to {remote} in time", device=device) from error
        return _answer(wire, f"sending {local} to {remote}", ends, device)


def _message(kind: bytes, data: bytes) -> bytes:
    return _HEADER.pack(kind, len(data)) + data


def _send(wire: socket.socket, data: bytes, ends: float) -> None:
    wire.settimeout(max(0.001, ends - time.monotonic()))
    wire.sendall(data)


def _answer(wire: socket.socket, doing: str, ends: float, device: str) -> str | None:
    kind, size = _HEADER.unpack(_exactly(wire, _HEADER.size, doing, ends, device))
    if kind == b"OKAY":
        return None
    said = _exactly(wire, min(size, _PIECE), doing, ends, device)
    if kind != b"FAIL":
        raise ConnectionLost(f"{doing}: expected OKAY or FAIL, found {kind!r}", device=device)
    return said.decode("utf-8", "replace")


def _exactly(wire: socket.socket, size: int, doing: str, ends: float, device: str) -> bytes:
    data = b""
    while len(data) < size:
        wire.settimeout(max(0.001, ends - time.monotonic()))
        try:
            piece = wire.recv(size - len(data))
        except TimeoutError as error:
            raise DeadlineExceeded(f"no answer in time, {doing}", device=device) from error
        except OSError as error:
            raise ConnectionLost(f"{doing}: {error.strerror or error}", device=device) from error
        if not piece:
            raise ConnectionLost(f"{doing}: the connection ended", device=device)
        data += piece
    return data
