"""How the streams of one process on a phone share one connection to its adbd."""

import struct
from typing import Final, Protocol

from ontarget.harness.transports.numbered import NumberLine

# Packets of the shell protocol: one byte of kind, four of length (AOSP, packages/modules/adb/shell_protocol.h).
_HEADER: Final = struct.Struct("<BI")
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
# The shell's way, and adbd's, of telling a signal: 128 and its number.
_SIGNALS: Final = range(129, 129 + 64)


class Framing(Protocol):
    """`stdout` and `stderr` are what has come and not been taken, `status` the exit status once it is known."""

    stdout: bytearray
    stderr: bytearray
    status: int | None

    def stdin(self, data: memoryview) -> bytes:
        """`data` as it is sent."""
        ...

    def end_of_stdin(self) -> bytes: ...

    def take(self, data: bytes) -> None:
        """Take what has come, wherever it was cut."""
        ...


class ShellV2:
    """The shell protocol: stdout and stderr apart, the end of stdin, the exit status. `number` is the process's."""

    service: Final = "shell,v2,raw:"

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.status: int | None = None
        self._number = NumberLine()
        self._unparsed = bytearray()

    @property
    def number(self) -> int | None:
        return self._number.number

    def stdin(self, data: memoryview) -> bytes:
        return _HEADER.pack(STDIN, len(data)) + data

    def end_of_stdin(self) -> bytes:
        return _HEADER.pack(CLOSE_STDIN, 0)

    def take(self, data: bytes) -> None:
        self._unparsed += data
        at = 0
        while len(self._unparsed) - at >= _HEADER.size:
            kind, size = _HEADER.unpack_from(self._unparsed, at)
            end = at + _HEADER.size + size
            if end > len(self._unparsed):
                break
            self._packet(kind, self._unparsed[at + _HEADER.size : end])
            at = end
        del self._unparsed[:at]

    def _packet(self, kind: int, data: bytearray) -> None:
        if kind == STDOUT:
            self.stdout += data
        elif kind == STDERR:
            self.stderr += self._number.feed(bytes(data))
        elif kind == EXIT and data:
            self.stderr += self._number.rest()
            self.status = status_of(data[0])


class Plain:
    """The `exec` service of an adbd without the shell protocol: stdin and stdout, whose end is all that is told."""

    service: Final = "exec:"

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.status: int | None = None

    def stdin(self, data: memoryview) -> bytes:
        return bytes(data)

    def end_of_stdin(self) -> bytes:
        return b""

    def take(self, data: bytes) -> None:
        self.stdout += data


def status_of(told: int) -> int:
    """What adbd or a shell tells, as `Completed.status`: minus the signal's number for 128 and more."""
    return 128 - told if told in _SIGNALS else told


# What `Plain` commands append to their stdout: their stderr, its length in 8 digits, their status in 4.
_TRAILER: Final = 12


def split_plain(output: bytes) -> tuple[bytes, bytes, int] | None:
    """Stdout, stderr and status of a command that was run with a trailer; None if it was cut off before its end."""
    told = output[-_TRAILER:]
    if len(told) < _TRAILER or not told.isdigit():
        return None
    size, status = int(told[:8]), int(told[8:])
    errors_at = len(output) - _TRAILER - size
    if errors_at < 0:
        return None
    return output[:errors_at], output[errors_at:-_TRAILER], status_of(status)


def strip_number(stderr: bytes) -> tuple[int | None, bytes]:
    """The process's number, and what else a kept stderr holds."""
    line = NumberLine()
    shown = line.feed(stderr) + line.rest()
    return line.number, shown
