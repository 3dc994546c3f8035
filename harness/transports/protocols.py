"""Ways to a device, by capability. A transport offers some of them; `ontarget.harness.device` uses them and no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable


@dataclass(frozen=True)
class Completed:
    """A command that ended by itself: `status` is its exit status, or minus the number of the signal that ended it."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes


@runtime_checkable
class CommandRunner(Protocol):
    """Runs a command to its end."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0) -> Completed:
        """Run `argv` (never through a shell of ours) for at most `deadline` seconds.

        Raises DeadlineExceeded, ConnectionLost. A status other than 0 is returned, not raised.
        """
        ...


GRACE_SECONDS: Final = 0.3
"""How long a process that stays may take to end by itself, once its stdin is at its end."""


@runtime_checkable
class ByteChannel(Protocol):
    """A process that stays: its stdin, stdout and stderr."""

    def write(self, data: bytes | memoryview, *, deadline: float = 30.0) -> None:
        """Write all of `data`. Raises ConnectionLost, DeadlineExceeded."""
        ...

    def read(self, most: int, *, deadline: float) -> bytes:
        """Return 1 to `most` bytes as soon as there are any, b"" at the end.

        Raises ConnectionLost, DeadlineExceeded.
        """
        ...

    def errors(self) -> str:
        """What the process has written to its stderr so far (the last 64 KiB)."""
        ...

    def close(self, *, grace: float = GRACE_SECONDS) -> None:
        """End the process, by force after `grace` seconds, and free the channel. Never raises; may be called twice."""
        ...


@runtime_checkable
class ChannelOpener(Protocol):
    """Starts processes that stay."""

    def open(self, argv: Sequence[str]) -> ByteChannel:
        """Start `argv` and return its streams. Raises DeviceUnreachable."""
        ...


@runtime_checkable
class FileCarrier(Protocol):
    """Carries whole files; only the agent's own program travels this way, all else goes through the agent."""

    def put(self, local: Path, remote: str, *, executable: bool = False, deadline: float = 120.0) -> None:
        """Store the file atomically at the absolute path `remote`, making its folder.

        Raises DeployFailed, DeviceFull.
        """
        ...


class Transport(CommandRunner, ChannelOpener, FileCarrier, Protocol):
    """All that a device must offer to be tested."""

    @property
    def name(self) -> str:
        """The device's name, for messages."""
        ...

    def close(self) -> None:
        """Free everything. Never raises; may be called twice."""
        ...


@runtime_checkable
class Console(Protocol):
    """A device's serial console."""

    def start_log(self) -> None:
        """Begin to keep what the console prints, with times, from here."""
        ...

    def log(self) -> str:
        """What has been printed since `start_log`, each line with its RFC 3339 time."""
        ...

    def write(self, data: bytes) -> None: ...

    def expect(self, pattern: bytes, *, deadline: float) -> bytes:
        """Read until the regular expression `pattern` matches; return all that was read. Raises DeadlineExceeded."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Reconnects(Protocol):
    """A transport whose connection may be lost, and made anew by who says so."""

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as is known."""
        ...

    def reconnect(self) -> None:
        """Give the connection up and make a new one. Raises DeviceUnreachable, DeadlineExceeded."""
        ...


@runtime_checkable
class Reboots(Protocol):
    """A transport whose other end restarts the device, and not a program on it."""

    def reboot(self, *, deadline: float = 180.0) -> None:
        """Restart it, and wait until it has gone down. Raises DeviceUnreachable, DeadlineExceeded."""
        ...
