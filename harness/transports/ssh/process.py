"""One process on the far side of an SSH connection, with its number, so that it can be killed."""

import shlex
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import paramiko

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded, InfraError
from ontarget.harness.transports.numbered import NumberLine, killing, numbered
from ontarget.harness.transports.protocols import GRACE_SECONDS
from ontarget.harness.transports.ssh.connection import Connection
from ontarget.harness.transports.ssh.errors import translated
from ontarget.harness.transports.text import shown

# The status of a process that a signal ended, where the server does not say which (OpenSSH names but twelve).
UNNAMED_SIGNAL: Final = -128
_KILL_SECONDS: Final = 2.0


class RemoteProcess:
    """A process that was started over `connection`; `channel` carries its streams."""

    def __init__(self, connection: Connection, argv: Sequence[str], ends: float) -> None:
        """Start it. SSH carries one string, which the user's shell splits: the words are quoted for it.

        Raises DeviceUnreachable and its kinds, DeadlineExceeded.
        """
        self.argv = tuple(argv)
        self.device = connection.device
        self._connection = connection
        self._number = NumberLine()
        doing = f"start `{shown(argv)}`"
        self.channel = connection.session(doing, ends)
        line = "exec " + shlex.join(numbered(argv))
        # exec_command itself waits for ever; closing the channel ends that.
        watch = threading.Timer(max(0.0, ends - time.monotonic()), self.channel.close)
        watch.daemon = True
        watch.start()
        try:
            with translated(self.device, doing):
                try:
                    self.channel.exec_command(line)
                except paramiko.SSHException as error:
                    if time.monotonic() >= ends:
                        raise DeadlineExceeded(f"could not {doing} in time", device=self.device) from error
                    raise
        finally:
            watch.cancel()

    def stderr(self, *, last: bool = False) -> bytes:
        """What has come on stderr since the last call; with `last` nothing is held back any more. Never waits."""
        data = b""
        while self.channel.recv_stderr_ready():
            data += self._number.feed(self.channel.recv_stderr(1 << 20))
        return data + self._number.rest() if last else data

    def status(self, ends: float) -> int:
        """Wait for the end. Raises ConnectionLost, DeadlineExceeded."""
        if not self.channel.status_event.wait(max(0.0, ends - time.monotonic())):
            raise DeadlineExceeded(f"`{shown(self.argv)}` did not end in time", device=self.device)
        status = self.channel.exit_status
        if status >= 0:
            return status
        name = self._connection.exit_signal(self.channel)
        if name is not None:
            return -signal.Signals[f"SIG{name}"] if f"SIG{name}" in signal.Signals.__members__ else UNNAMED_SIGNAL
        if self.cut_off():
            raise ConnectionLost(f"the connection ended while `{shown(self.argv)}` ran", device=self.device)
        return UNNAMED_SIGNAL

    def cut_off(self) -> bool:
        """Whether the streams ended with the connection, not with the process."""
        if self.channel.eof_received or self.channel.exit_status >= 0:
            return False
        # Streams are closed a moment before the connection is marked as dead.
        self._connection.transport.join(0.2)
        return not self._connection.alive

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """Close its stdin, give it `grace` seconds, kill it. Never raises."""
        with suppress(OSError, EOFError, paramiko.SSHException):
            if not self.channel.exit_status_ready():
                self.channel.shutdown_write()
            if not self.channel.status_event.wait(grace) and self._connection.alive:
                self._kill()
        with suppress(OSError, EOFError, paramiko.SSHException):
            self.channel.close()

    def _kill(self) -> None:
        self.stderr()
        if self._number.number is None:
            return
        ends = time.monotonic() + _KILL_SECONDS
        with suppress(InfraError):
            killer = self._connection.session("kill", ends)
            with translated(self.device, "kill"):
                killer.exec_command("exec " + shlex.join(killing(self._number.number)))
                killer.status_event.wait(max(0.0, ends - time.monotonic()))
                killer.close()
            self.channel.status_event.wait(max(0.0, ends - time.monotonic()))
