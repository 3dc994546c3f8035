"""A process that stays, on a phone."""

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded, DeviceUnreachable, InfraError
from ontarget.harness.transports.adb.framing import ShellV2
from ontarget.harness.transports.adb.wire import Wire
from ontarget.harness.transports.protocols import GRACE_SECONDS
from ontarget.harness.transports.text import UNREAD_MOST, Tail, shown

_KILLED_SECONDS: Final = 2.0

Diagnose = Callable[[str], DeviceUnreachable | None]
"""Says why a connection was cut off, given what was going on; None if the phone is there and nothing was."""


class Beside(Protocol):
    """What goes past a process's stdin and stdout."""

    def errors(self) -> bytes:
        """What it has written to stderr since the last call."""
        ...

    def kill(self) -> None:
        """End the process and its group, by force if it does not end by itself. Raises InfraError."""
        ...

    def forget(self) -> None:
        """Remove what was kept on the phone for it. Raises InfraError."""
        ...


class AdbChannel:
    """See ByteChannel. `ends_by_status`: the connection's end alone is no end of the process, but of the way to it."""

    def __init__(
        self, wire: Wire, argv: Sequence[str], device: str, beside: Beside, diagnose: Diagnose, *, ends_by_status: bool
    ) -> None:
        self._wire = wire
        self._argv = tuple(argv)
        self._device = device
        self._beside = beside
        self._diagnose = diagnose
        self._ends_by_status = ends_by_status
        self._tail = Tail()
        self._closed = False

    def write(self, data: bytes | memoryview, *, deadline: float = 30.0) -> None:
        view = memoryview(data).cast("B")
        ends = time.monotonic() + deadline
        self._wire.receive()
        while len(view) or not self._wire.flushed:
            if self._closed:
                raise self._lost("the channel is closed")
            if self._wire.over:
                raise self._cut() or self._lost("it no longer reads")
            view = self._wire.offer(view) if len(view) else view
            if self._wire.flushed:
                self._wire.receive()
            elif not self._wire.wait(ends - time.monotonic()):
                raise self._late(f"could not write to `{shown(self._argv)}`", deadline)
            self._keep_errors()
            if len(self._wire.framing.stdout) > UNREAD_MOST:
                raise self._lost(f"it printed {UNREAD_MOST} bytes that nobody read")
        if self._closed:
            raise self._lost("the channel is closed")

    def read(self, most: int, *, deadline: float) -> bytes:
        ends = time.monotonic() + deadline
        stdout = self._wire.framing.stdout
        while not stdout:
            if self._closed:
                raise self._lost("the channel is closed")
            if self._wire.over:
                cut = self._cut()
                if cut is not None:
                    raise cut
                return b""
            if not self._wire.wait(ends - time.monotonic()):
                raise self._late(f"`{shown(self._argv)}` said nothing", deadline)
            self._keep_errors()
        data = bytes(stdout[:most])
        del stdout[:most]
        return data

    def errors(self) -> str:
        if not self._closed:
            self._wire.receive()
            try:
                self._tail.add(self._beside.errors())
            except InfraError as error:
                return f"{self._tail.text()} (its stderr cannot be read: {error})".strip()
        return self._tail.text()

    def close(self, *, grace: float = GRACE_SECONDS) -> None:
        if self._closed:
            return
        wire = self._wire
        wire.end_stdin()
        try:
            self._end(time.monotonic() + grace)
            self.errors()
            self._beside.forget()
        except InfraError as error:
            self._tail.add(f"\nnot ended cleanly: {error}".encode())
        self._closed = True
        wire.close()

    def _end(self, ends: float) -> None:
        """Wait for its end, and kill it; what it still prints is thrown away."""
        if not self._ends_by_status:
            self._wire.close()  # which is the end of its stdin
            self._beside.kill()
            return
        killed = False
        while not self._wire.over:
            self._wire.framing.stdout.clear()
            if self._wire.wait(ends - time.monotonic()):
                continue
            if killed:
                break
            self._beside.kill()
            killed, ends = True, time.monotonic() + _KILLED_SECONDS

    def _keep_errors(self) -> None:
        framing = self._wire.framing
        if framing.stderr:
            self._tail.add(bytes(framing.stderr))
            framing.stderr.clear()

    def _cut(self) -> DeviceUnreachable | None:
        """The error if it was the way that ended, not the process."""
        if self._wire.framing.status is not None:
            return None
        why = f"`{shown(self._argv)}`: the connection ended"
        found = self._diagnose(why)
        if found is None and self._ends_by_status:
            return ConnectionLost(f"{why}, and the phone is there again. {self.errors()}".strip(), device=self._device)
        return found

    def _late(self, what: str, deadline: float) -> DeadlineExceeded:
        return DeadlineExceeded(f"{what} within {deadline:g} s. {self.errors()}".strip(), device=self._device)

    def _lost(self, reason: str) -> ConnectionLost:
        return ConnectionLost(f"`{shown(self._argv)}`: {reason}. {self.errors()}".strip(), device=self._device)


class Within:
    """What the shell protocol carries beside stdin and stdout."""

    def __init__(self, framing: ShellV2, kill: Callable[[int], None]) -> None:
        self._framing = framing
        self._kill = kill

    def errors(self) -> bytes:
        data = bytes(self._framing.stderr)
        self._framing.stderr.clear()
        return data

    def kill(self) -> None:
        if self._framing.number is not None:
            self._kill(self._framing.number)

    def forget(self) -> None:
        pass
