"""A process that stays, over SSH."""

import time
from collections.abc import Sequence

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded
from ontarget.harness.transports.protocols import GRACE_SECONDS
from ontarget.harness.transports.ssh.connection import Connection
from ontarget.harness.transports.ssh.errors import translated
from ontarget.harness.transports.ssh.process import RemoteProcess
from ontarget.harness.transports.text import Tail, shown


class SshChannel:
    """See ByteChannel."""

    def __init__(self, connection: Connection, argv: Sequence[str], ends: float) -> None:
        self._process = RemoteProcess(connection, argv, ends)
        self._channel = self._process.channel
        self._device = connection.device
        self._argv = tuple(argv)
        self._tail = Tail()
        self._closed = False
        # What paramiko sends as one packet without cutting: it keeps 64 bytes of the peer's limit for itself.
        self._piece = max(1, self._channel.out_max_packet_size - 64)

    def write(self, data: bytes | memoryview, *, deadline: float = 30.0) -> None:
        view = memoryview(data).cast("B")
        ends = time.monotonic() + deadline
        try:
            while len(view):
                self._channel.settimeout(max(0.0, ends - time.monotonic()))
                sent = self._channel.send(bytes(view[: self._piece]))
                if sent == 0:
                    raise self._lost("it no longer reads")
                view = view[sent:]
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"could not write to `{shown(self._argv)}` within {deadline:g} s. {self.errors()}".strip(),
                device=self._device,
            ) from error
        except OSError as error:  # "Socket is closed"
            raise self._lost("it no longer reads") from error
        except EOFError as error:
            raise self._lost("the connection ended") from error

    def read(self, most: int, *, deadline: float) -> bytes:
        if self._closed:
            raise self._lost("the channel is closed")
        self._channel.settimeout(deadline)
        try:
            data = self._channel.recv(most)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"`{shown(self._argv)}` said nothing within {deadline:g} s. {self.errors()}".strip(),
                device=self._device,
            ) from error
        except (OSError, EOFError) as error:
            raise self._lost("the connection ended") from error
        if self._channel.recv_stderr_ready():
            self._tail.add(self._process.stderr())
        if not data and self._process.cut_off():
            raise self._lost("the connection ended")
        return data

    def errors(self) -> str:
        with translated(self._device, "read stderr"):
            self._tail.add(self._process.stderr(last=self._channel.exit_status_ready()))
        return self._tail.text()

    def close(self, *, grace: float = GRACE_SECONDS) -> None:
        if self._closed:
            return
        self._process.end(grace)
        self._tail.add(self._process.stderr(last=True))
        self._closed = True

    def _lost(self, why: str) -> ConnectionLost:
        return ConnectionLost(f"`{shown(self._argv)}`: {why}. {self.errors()}".strip(), device=self._device)
