"""A phone behind an adb server."""

import hashlib
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final, Self

from ontarget.harness.errors import (
    ConnectionLost,
    DeadlineExceeded,
    DeployFailed,
    DeviceFull,
    DeviceUnreachable,
    InfraError,
    MissingFile,
    UserError,
)
from ontarget.harness.transports.adb import plain, pushing
from ontarget.harness.transports.adb.channel import AdbChannel, Within
from ontarget.harness.transports.adb.errors import PASSING, NoSuchPhone, problem
from ontarget.harness.transports.adb.framing import Framing, Plain, ShellV2, split_plain
from ontarget.harness.transports.adb.server import LOOPBACK, PORT, REQUEST_MOST, AdbServer
from ontarget.harness.transports.adb.wire import Wire
from ontarget.harness.transports.address import AdbAddress
from ontarget.harness.transports.numbered import killing, numbered
from ontarget.harness.transports.protocols import ByteChannel, Completed
from ontarget.harness.transports.text import shown

_START_SECONDS: Final = 30.0
_ASIDE_SECONDS: Final = 5.0
_FOUND_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.5
_UNLIKE: Final = 9
# $1 the part, $2 the path, $3 the size, $4 the digest, $5 the mode. What is not whole is not moved into place.
_KEEP: Final = """
size=$(($(wc -c < "$1")))
if [ "$size" -ne "$3" ]; then rm -f "$1"; echo "it has $size bytes" >&2; exit 9; fi
if command -v sha256sum >/dev/null; then
  digest=$(sha256sum < "$1")
  if [ "${digest%% *}" != "$4" ]; then rm -f "$1"; echo "it has the digest $digest" >&2; exit 9; fi
fi
chmod "$5" "$1" && mv -f "$1" "$2" && exit 0
rm -f "$1"
exit 1
"""


class AdbTransport:
    """Runs programs on a phone; each has a connection of its own to the server. Not thread-safe, but for `close`."""

    def __init__(self, name: str, serial: str, server: AdbServer) -> None:
        self._name = name
        self._serial = serial
        self._server = server
        self._features: frozenset[str] | None = None

    @classmethod
    def connect(
        cls,
        name: str,
        address: AdbAddress,
        *,
        server: tuple[str, int] | None = None,
        deadline: float = 20.0,
    ) -> Self:
        """Wait until the phone is ready. `server` is where its adb server is reached, if not where the address says.

        A server at this machine's own port is started if there is none. A serial HOST:PORT is connected to first.

        Raises Unauthorized, NoSuchPhone, DuplicateSerial, PhoneOffline, AdbServerUnreachable, DeadlineExceeded.
        """
        host, port = server or (address.host or LOOPBACK, address.port or PORT)
        told = None if server is None else f"{address.host or LOOPBACK} port {address.port or PORT} (through SSH)"
        own = server is None and host in (LOOPBACK, "localhost", "::1")
        transport = cls(name, address.serial, AdbServer(host, port, may_start=own, device=name, shown=told))
        transport._ready(time.monotonic() + deadline)
        return transport

    @property
    def name(self) -> str:
        return self._name

    @property
    def alive(self) -> bool:
        """Whether the server has the phone, and it answers."""
        ends = time.monotonic() + _ASIDE_SECONDS
        try:
            listed = self._server.devices(ends, start=False)
        except InfraError:
            return False
        return problem(listed, self._serial, self._server.place, device=self._name, had=True) is None

    def reconnect(self, *, deadline: float = 20.0) -> None:
        """Let the server make its connection to the phone anew, if it is not ready. Raises what `connect` does."""
        ends = time.monotonic() + deadline
        self._features = None
        if self.alive:
            return
        if not is_network(self._serial):
            with suppress(DeviceUnreachable):  # it has no such phone, or no more: waiting for it tells
                self._server.again(self._serial, ends)
            self._server.wait_for(self._serial, ends)
            return
        # The server tries to reach a lost one every ten seconds, and not for long.
        self._server.disconnect(self._serial, ends)
        while True:
            try:
                self._ready(ends)
            except NoSuchPhone:
                if time.monotonic() + _RETRY_SECONDS > ends:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def reboot(self, *, deadline: float = 180.0) -> None:
        """See Reboots: `reconnect` then waits until the phone is ready again, which takes it a minute or more."""
        ends = time.monotonic() + deadline
        self._server.open(self._serial, "reboot:", ends).close()
        self._server.wait_gone(self._serial, ends)
        self._features = None

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0) -> Completed:
        """See CommandRunner. A signal is told as adbd tells it: a status of 129 to 192 is that of a signal."""
        ends = time.monotonic() + deadline
        return (
            self._run_v2(argv, stdin, ends, deadline)
            if self._v2(ends)
            else self._run_plain(argv, stdin, ends, deadline)
        )

    def open(self, argv: Sequence[str]) -> ByteChannel:
        """See ChannelOpener."""
        ends = time.monotonic() + _START_SECONDS
        if self._v2(ends):
            framing = ShellV2()
            wire = self._started(numbered(argv), framing, ShellV2.service, ends)
            return AdbChannel(wire, argv, self._name, Within(framing, self._kill), self._diagnosis, ends_by_status=True)
        errors = plain.name()
        wire = self._started(plain.staying(argv, errors), Plain(), Plain.service, ends)
        return AdbChannel(
            wire, argv, self._name, plain.InFile(errors, self._aside), self._diagnosis, ends_by_status=False
        )

    def put(self, local: Path, remote: str, *, executable: bool = False, deadline: float = 120.0) -> None:
        """See FileCarrier. It is pushed beside its place, compared with what was sent, and moved there."""
        ends = time.monotonic() + deadline
        try:
            data = local.read_bytes()
        except OSError as error:
            raise MissingFile(f"cannot read {local}: {error.strerror}", device=self._name) from error
        path = PurePosixPath(remote)
        part = str(path.with_name(f".{path.name}.{secrets.token_hex(8)}.part"))
        if len(part.encode()) > pushing.PATH_MOST - 8:
            raise DeployFailed(f"the path {remote} is too long for adb's {pushing.PATH_MOST} bytes", device=self._name)
        wire = self._server.open(self._serial, pushing.SERVICE, ends)
        try:
            refused = pushing.push(wire, local, part, executable=executable, ends=ends, device=self._name)
        except ConnectionLost as error:
            raise self._diagnosis(str(error)) or error from error
        finally:
            wire.close()
        if refused is not None:
            raise _not_stored(local, remote, refused, self._name)
        mode = "755" if executable else "644"
        wanted = ["sh", "-c", _KEEP, "sh", part, remote, str(len(data)), hashlib.sha256(data).hexdigest(), mode]
        done = self.run(wanted, deadline=max(1.0, ends - time.monotonic()))
        if done.status == _UNLIKE:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise DeployFailed(
                f"expected the {len(data)} bytes of {local} at {remote}, found that {said}: the way to the phone is "
                "not to be trusted",
                device=self._name,
            )
        if done.status != 0:
            raise _not_stored(local, remote, done.stderr.decode("utf-8", "replace").strip(), self._name)

    def close(self) -> None:
        """See Transport. Each connection is ended by who opened it; the server stays, as it is everybody's."""

    def _ready(self, ends: float) -> None:
        listed = self._server.devices(ends)
        mine = [entry for entry in listed if entry.answers_to(self._serial)]
        found = problem(listed, self._serial, self._server.place, device=self._name, had=False)
        if found is None:
            return
        if mine and (len(mine) > 1 or mine[0].state not in PASSING):
            raise found
        if mine:
            self._server.wait_for(self._serial, ends)
        elif is_network(self._serial):
            said = self._server.connect(self._serial, ends)
            if not any(entry.answers_to(self._serial) for entry in self._server.devices(ends)):
                raise NoSuchPhone(f"{found}. The adb server says: {said}", device=self._name)
            self._server.wait_for(self._serial, ends)
        else:  # a server that was just started looks for its devices first
            self._server.wait_for(self._serial, min(ends, time.monotonic() + _FOUND_SECONDS))

    def _v2(self, ends: float) -> bool:
        if self._features is None:
            self._features = self._server.features(self._serial, ends)
        return "shell_v2" in self._features

    def _started(self, argv: Sequence[str], framing: Framing, service: str, ends: float) -> Wire:
        # adbd has a shell split the words, so they are quoted for it.
        request = service + "exec " + shlex.join(argv)
        if len(request.encode()) > REQUEST_MOST:
            raise UserError(
                f"`{shown(argv)}` has {len(request.encode())} bytes, and adb carries {REQUEST_MOST}: give it its words "
                "in a file or on stdin",
                device=self._name,
            )
        return Wire(self._server.open(self._serial, request, ends), framing)

    def _run_v2(self, argv: Sequence[str], stdin: bytes, ends: float, deadline: float) -> Completed:
        framing = ShellV2()
        wire = self._started(numbered(argv), framing, ShellV2.service, ends)
        try:
            self._carry(wire, stdin, argv, ends, deadline, lambda: framing.number)
        finally:
            wire.close()
        if framing.status is None:
            raise self._diagnosis(f"while `{shown(argv)}` ran") or ConnectionLost(
                f"the connection ended while `{shown(argv)}` ran", device=self._name
            )
        return Completed(tuple(argv), framing.status, bytes(framing.stdout), bytes(framing.stderr))

    def _run_plain(self, argv: Sequence[str], stdin: bytes, ends: float, deadline: float) -> Completed:
        framing = Plain()
        errors = plain.name()
        wire = self._started(plain.ending(argv, errors, len(stdin)), framing, Plain.service, ends)
        try:
            self._carry(wire, stdin, argv, ends, deadline, lambda: plain.InFile(errors, self._aside).number())
        finally:
            wire.close()
        found = split_plain(bytes(framing.stdout))
        if found is None:
            raise self._diagnosis(f"while `{shown(argv)}` ran") or ConnectionLost(
                f"`{shown(argv)}` ended without its status", device=self._name
            )
        stdout, stderr, status = found
        return Completed(tuple(argv), status, stdout, plain.without_number(stderr))

    def _carry(
        self,
        wire: Wire,
        stdin: bytes,
        argv: Sequence[str],
        ends: float,
        deadline: float,
        number: Callable[[], int | None],
    ) -> None:
        """Feed the process and take what it says until it ends; at the deadline it is killed."""
        view = memoryview(stdin)
        told_end = False
        while not wire.over:
            view = wire.offer(view) if len(view) else view
            if not len(view) and not told_end:
                wire.end_stdin()
                told_end = True
            if len(view) and wire.flushed:
                wire.receive()
                continue
            if wire.wait(ends - time.monotonic()):
                continue
            found = number()
            if found is not None:
                self._kill(found)
            raise DeadlineExceeded(
                f"`{shown(argv)}` did not end within {deadline:g} s and was killed", device=self._name
            )

    def _kill(self, number: int) -> None:
        self._aside(killing(number))

    def _aside(self, argv: Sequence[str]) -> bytes:
        return self.run(argv, deadline=_ASIDE_SECONDS).stdout

    def _diagnosis(self, why: str) -> DeviceUnreachable | None:
        return self._server.diagnose(self._serial, time.monotonic() + _ASIDE_SECONDS, why)


def is_network(serial: str) -> bool:
    """Whether a serial is HOST:PORT, of a phone that the server reaches by TCP."""
    host, _, port = serial.rpartition(":")
    return bool(host) and port.isdigit() and not serial.startswith("usb:")


def _not_stored(local: Path, remote: str, said: str, device: str) -> InfraError:
    kind = DeviceFull if "No space left" in said or "quota exceeded" in said else DeployFailed
    return kind(f"cannot store {local} at {remote}: {said}", device=device)
