"""This machine as a device."""

import fcntl
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded, DeployFailed, DeviceFull
from ontarget.harness.transports.protocols import GRACE_SECONDS, ByteChannel, Completed
from ontarget.harness.transports.text import FULL_DISK, UNREAD_MOST, Tail, shown

_CHUNK: Final = 1 << 20
_CANNOT_RUN: Final = 126
_NOT_FOUND: Final = 127


class LocalTransport:
    """Runs programs on this machine, each in a process group of its own."""

    def __init__(self, name: str = "local") -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0) -> Completed:
        """See CommandRunner. A program that cannot be started has status 127 or 126, as it has in a shell."""
        try:
            process = _start(argv)
        except OSError as error:
            return Completed(tuple(argv), _start_status(error), b"", _start_message(argv, error).encode())
        try:
            stdout, stderr = process.communicate(stdin, timeout=deadline)
        except subprocess.TimeoutExpired as error:
            raise DeadlineExceeded(
                f"`{shown(argv)}` did not end within {deadline:g} s and was killed", device=self._name
            ) from error
        finally:
            _end(process)
        return Completed(tuple(argv), process.returncode, stdout, stderr)

    def open(self, argv: Sequence[str]) -> ByteChannel:
        """See ChannelOpener. A program that cannot be started is a channel at its end, whose `errors` say why."""
        try:
            process = _start(argv)
        except OSError as error:
            return _NeverStarted(self._name, _start_message(argv, error))
        return _LocalChannel(self._name, argv, process)

    def put(self, local: Path, remote: str, *, executable: bool = False, deadline: float = 120.0) -> None:
        """See FileCarrier."""
        target = Path(remote)
        ends = time.monotonic() + deadline
        temporary: Path | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with local.open("rb") as source, _temporary_beside(target) as sink:
                temporary = Path(sink.name)
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)
                    if time.monotonic() > ends:
                        raise DeadlineExceeded(
                            f"{local} was not stored at {remote} within {deadline:g} s", device=self._name
                        )
                sink.flush()
                os.fchmod(sink.fileno(), 0o755 if executable else 0o644)
            temporary.replace(target)
            temporary = None
        except OSError as error:
            kind = DeviceFull if error.errno in FULL_DISK else DeployFailed
            raise kind(f"cannot store {local} at {remote}: {error}", device=self._name) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def close(self) -> None:
        """See Transport. Channels are closed by who opened them."""


def _temporary_beside(target: Path) -> "tempfile._TemporaryFileWrapper[bytes]":
    return tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False)


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        # A session of its own: what the program starts dies with it, and Ctrl-C in the terminal is not sent to it.
        start_new_session=True,
    )


def _start_status(error: OSError) -> int:
    return _NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_RUN


def _start_message(argv: Sequence[str], error: OSError) -> str:
    return f"cannot start `{shown(argv)}`: {error.strerror}\n"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its whole group, then reap it: a group's number is safe to use only before the reaping."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):  # gone already, or what is left belongs to another user
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


class _NeverStarted:
    def __init__(self, device: str, message: str) -> None:
        self._device = device
        self._message = message

    def write(self, data: bytes | memoryview, *, deadline: float = 30.0) -> None:  # noqa: ARG002 - the protocol's
        raise ConnectionLost(self._message.strip(), device=self._device)

    def read(self, most: int, *, deadline: float) -> bytes:  # noqa: ARG002 - the protocol's
        return b""

    def errors(self) -> str:
        return self._message

    def close(self, *, grace: float = GRACE_SECONDS) -> None:
        pass


class _LocalChannel:
    """A process that stays, over three non-blocking pipes."""

    def __init__(self, device: str, argv: Sequence[str], process: subprocess.Popen[bytes]) -> None:
        self._device = device
        self._argv = tuple(argv)
        self._process = process
        self._stdin = _non_blocking(process.stdin)
        self._stdout = _non_blocking(process.stdout)
        self._stderr = _non_blocking(process.stderr)
        self._unread = bytearray()
        self._tail = Tail()
        self._closed = False
        self._readers = select.poll()
        self._readers.register(self._stdout, select.POLLIN)
        self._readers.register(self._stderr, select.POLLIN)
        self._all = select.poll()
        self._all.register(self._stdin, select.POLLOUT)
        self._all.register(self._stdout, select.POLLIN)
        self._all.register(self._stderr, select.POLLIN)
        self._ended = False

    def write(self, data: bytes | memoryview, *, deadline: float = 30.0) -> None:
        """See ByteChannel. What the process prints meanwhile is kept, so that neither side waits for the other."""
        view = memoryview(data).cast("B")
        ends = time.monotonic() + deadline
        while len(view):
            if self._closed:
                raise self._lost("the channel is closed")
            try:
                view = view[os.write(self._stdin, view[:_CHUNK]) :]
            except BlockingIOError:
                self._wait(self._all, ends, deadline, "write to")
                if len(self._unread) > UNREAD_MOST:
                    raise self._lost(f"it printed {UNREAD_MOST} bytes that nobody read") from None
            except OSError as error:
                raise self._lost(f"it no longer reads ({error.strerror})") from error

    def read(self, most: int, *, deadline: float) -> bytes:
        ends = time.monotonic() + deadline
        while not self._unread:
            if self._closed:
                raise self._lost("the channel is closed")
            if self._ended:
                return b""
            self._wait(self._readers, ends, deadline, "read from", most)
        data = bytes(self._unread[:most])
        del self._unread[:most]
        return data

    def errors(self) -> str:
        if not self._closed:
            self._drain_stderr()
        return self._tail.text()

    def close(self, *, grace: float = GRACE_SECONDS) -> None:
        if self._closed:
            return
        self._drain_stderr()
        self._closed = True
        process = self._process
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        self._let_it_end(grace)
        _end(process)

    def _let_it_end(self, grace: float) -> None:
        """Wait a moment for the process to end by itself at the end of its input, without reaping it."""
        try:
            ended = os.pidfd_open(self._process.pid)
        except OSError:  # an old kernel, or it is gone: _end does what is left
            return
        try:
            waiting = select.poll()
            waiting.register(ended, select.POLLIN)
            waiting.poll(grace * 1000)
        finally:
            os.close(ended)

    def _wait(self, poll: select.poll, ends: float, deadline: float, act: str, most: int = _CHUNK) -> None:
        left = ends - time.monotonic()
        events = poll.poll(max(0.0, left) * 1000)
        if not events:
            raise DeadlineExceeded(
                f"could not {act} `{shown(self._argv)}` within {deadline:g} s. {self.errors()}".strip(),
                device=self._device,
            )
        for descriptor, _ in events:
            if descriptor == self._stdout:
                self._take_stdout(most)
            elif descriptor == self._stderr:
                self._drain_stderr()

    def _take_stdout(self, most: int) -> None:
        try:
            data = os.read(self._stdout, max(most, 1 << 16))
        except BlockingIOError:
            return
        self._unread += data
        if not data:
            self._ended = True
            self._forget(self._stdout)

    def _drain_stderr(self) -> None:
        try:
            while data := os.read(self._stderr, 1 << 16):
                self._tail.add(data)
        except BlockingIOError:
            return
        except OSError:  # closed by an earlier end
            return
        self._forget(self._stderr)

    def _forget(self, descriptor: int) -> None:
        for poll in (self._readers, self._all):
            with suppress(KeyError):
                poll.unregister(descriptor)

    def _lost(self, reason: str) -> ConnectionLost:
        return ConnectionLost(f"`{shown(self._argv)}`: {reason}. {self.errors()}".strip(), device=self._device)


def _non_blocking(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise ValueError("the process was started without its three pipes")
    descriptor = pipe.fileno()
    os.set_blocking(descriptor, False)
    with suppress(OSError):  # the user's allowance for pipes is spent: the default size works too
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _CHUNK)
    return descriptor
