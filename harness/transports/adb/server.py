"""An adb server, spoken to at its own socket.

One server has all phones of its host, and an adb client of another version kills it to start its own. So no client is
ever run here: services are asked for at the socket, which every version answers alike, and where no server runs on
this machine, one is started that gives way if another has taken the port meanwhile. The only module that imports
adbutils, whose own way of starting a server is left out.
"""

import fcntl
import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import adbutils
import platformdirs

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded, DeviceUnreachable, ProtocolError
from ontarget.harness.transports.adb.errors import (
    PASSING,
    READY,
    AdbServerLost,
    AdbServerUnreachable,
    problem,
)
from ontarget.harness.transports.adb.listing import Listed, parse

PORT: Final = 5037
LOOPBACK: Final = "127.0.0.1"
_START_SECONDS: Final = 15.0
_ASKS_SECONDS: Final = 2.0  # a phone that answers by itself is unauthorized for some milliseconds
_CLOSED: Final = frozenset(("Unknown data: b''", "connection closed"))
# A length of four hexadecimal digits comes before each request.
REQUEST_MOST: Final = 0xFFFF


class _Connection(adbutils.AdbConnection):  # type: ignore[misc]  # the library has no types
    """The library's framing, on a connection that nothing is started for."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._place = (host, port)
        self._timeout = timeout
        super().__init__(host, port)

    def _safe_connect(self) -> socket.socket:
        wire = socket.create_connection(self._place, timeout=self._timeout)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return wire

    def send_command(self, cmd: str) -> None:
        request = cmd.encode()
        self.conn.sendall(b"%04x" % len(request) + request)

    def detach(self) -> socket.socket:
        """The connection's socket, which now is the caller's."""
        wire: socket.socket = self.conn
        return wire


class AdbServer:
    """The server at `host`:`port`; one is started where `may_start` and none runs. `device` is named in errors."""

    def __init__(self, host: str, port: int, *, may_start: bool, device: str, shown: str | None = None) -> None:
        self._host = host
        self._port = port
        self._may_start = may_start
        self._device = device
        self.place = shown or f"{host} port {port}"

    def version(self, ends: float) -> int:
        """What the server calls its version (41 for 1.0.41)."""
        text = self._asked("host:version", ends)
        try:
            return int(text, 16)
        except ValueError as error:
            raise ProtocolError(
                f"expected an adb server at {self.place}, found something that calls its version {text!r}",
                device=self._device,
            ) from error

    def devices(self, ends: float, *, start: bool = True) -> list[Listed]:
        """What it lists; without `start` one that does not run is not started for that."""
        with self._asking("host:devices-l", ends, start=start) as connection:
            return parse(connection.read_string_block())

    def features(self, serial: str, ends: float) -> frozenset[str]:
        """What the phone's adbd and the server both can."""
        return frozenset(self._asked(f"host-serial:{serial}:features", ends).split(","))

    def open(self, serial: str, service: str, ends: float) -> socket.socket:
        """A socket to a service of the phone. Raises DeviceUnreachable and its kinds, DeadlineExceeded."""
        connection = self._dial(ends)
        try:
            with self._translated(service, serial, ends):
                for request in (f"host:transport:{serial}", service):
                    connection.conn.settimeout(left(ends))
                    connection.send_command(request)
                    connection.check_okay()
                return connection.detach()
        except BaseException:
            connection.close()
            raise

    def connect(self, serial: str, ends: float) -> str:
        """Let the server connect to HOST:PORT, as `adb connect`; what it says of that."""
        return self._asked(f"host:connect:{serial}", ends)

    def disconnect(self, serial: str, ends: float) -> None:
        """Let the server forget HOST:PORT; one that it does not have is no error."""
        try:
            self._asked(f"host:disconnect:{serial}", ends)
        except DeviceUnreachable as error:
            if isinstance(error, AdbServerLost | AdbServerUnreachable):
                raise

    def again(self, serial: str, ends: float) -> None:
        """Let the server drop the phone's connection and make it anew, as `adb reconnect`."""
        self._asked(f"host-serial:{serial}:reconnect", ends, serial)

    def wait_for(self, serial: str, ends: float) -> None:
        """Wait until the phone is ready; the server tells each change.

        Raises DuplicateSerial and its like at once, Unauthorized after seconds in which the phone may come to trust the
        server; what may pass is waited for until `ends`.
        """
        last: list[Listed] = []
        waited: DeadlineExceeded | None = None
        try:
            with self._asking("host:track-devices", ends) as connection:
                while not _settled(last, serial) or _asks(last, serial):
                    if _asks(last, serial):
                        ends = min(ends, time.monotonic() + _ASKS_SECONDS)
                    connection.conn.settimeout(left(ends))
                    last = parse(connection.read_string_block())
        except DeadlineExceeded as error:
            waited = error
        mine = [entry for entry in last if entry.answers_to(serial)]
        if len(mine) > 1:
            last = self.devices(ends)  # with their ports
        found = problem(last, serial, self.place, device=self._device, had=False)
        if found is not None:
            raise found from waited

    def wait_gone(self, serial: str, ends: float) -> None:
        """Wait until the phone is not ready: a restart begins some seconds after it was asked for."""
        with self._asking("host:track-devices", ends) as connection:
            while True:
                connection.conn.settimeout(left(ends))
                listed = parse(connection.read_string_block())
                if not any(entry.answers_to(serial) and entry.state == READY for entry in listed):
                    return

    def diagnose(self, serial: str, ends: float, why: str) -> DeviceUnreachable | None:
        """The error for a stream that was cut off, by what the server says of the phone now; None if it is ready."""
        try:
            return problem(self.devices(ends, start=False), serial, self.place, device=self._device, had=True)
        except (AdbServerUnreachable, AdbServerLost) as error:  # gone, or about to be
            return AdbServerLost(f"{why}: the adb server has ended: {error}", device=self._device)
        except (DeviceUnreachable, DeadlineExceeded) as error:
            return ConnectionLost(f"{why}: {error}", device=self._device)

    def start(self) -> None:
        """Start a server. Of many who find that none runs, one does, and the others wait for it.

        Raises AdbServerUnreachable.
        """
        lock = platformdirs.user_cache_path("ontarget", ensure_exists=True) / f"adb-{self._port}.lock"
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with socket.socket() as asked:
                asked.settimeout(_START_SECONDS)
                if asked.connect_ex((self._host, self._port)) == 0:
                    return
            self._start()

    def _start(self) -> None:
        program = shutil.which("adb")
        if program is None:
            raise AdbServerUnreachable(
                f"no adb server runs at {self.place}, and there is no adb here to start one: install the package "
                "`adb`, or name a server elsewhere (adb:SERIAL@host:port)",
                device=self._device,
            )
        reading, writing = os.pipe()
        try:
            # The way in which a client starts it, without the client: it says OK, or ends where the port is taken.
            server = [program, "-L", f"tcp:{self._port}", "fork-server", "server", "--reply-fd", str(writing)]
            process = subprocess.Popen(
                server,
                pass_fds=(writing,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as said:
            answer = said.read(3) if _readable(said.fileno(), _START_SECONDS) else b""
        if answer != b"OK\n" and process.poll() is None:
            process.terminate()

    def _asked(self, request: str, ends: float, serial: str | None = None) -> str:
        with self._asking(request, ends, serial) as connection:
            answer: str = connection.read_string_block()
            return answer

    @contextmanager
    def _asking(
        self, request: str, ends: float, serial: str | None = None, *, start: bool = True
    ) -> Iterator[_Connection]:
        """A connection on which the server has accepted the request."""
        connection = self._dial(ends, start=start)
        try:
            with self._translated(request, serial, ends):
                connection.conn.settimeout(left(ends))
                connection.send_command(request)
                connection.check_okay()
                yield connection
        finally:
            connection.close()

    def _dial(self, ends: float, *, start: bool = True) -> _Connection:
        try:
            try:
                return _Connection(self._host, self._port, left(ends))
            except ConnectionRefusedError:
                if not (self._may_start and start):
                    raise
            self.start()
            return _Connection(self._host, self._port, left(ends))
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"no answer from {self.place}, where an adb server should be: is that host on?", device=self._device
            ) from error
        except OSError as error:
            raise AdbServerUnreachable(
                f"no adb server answers at {self.place} ({error.strerror or error}): start it there with "
                "`adb start-server`, or name another (adb:SERIAL@host:port)",
                device=self._device,
            ) from error

    @contextmanager
    def _translated(self, request: str, serial: str | None, ends: float) -> Iterator[None]:
        """The boundary at which errors of adbutils, of sockets and of the server become ours."""
        doing = f"asking the adb server at {self.place} for {request[:80]!r}"
        try:
            yield
        except (adbutils.AdbTimeout, TimeoutError) as error:
            raise DeadlineExceeded(f"no answer in time, {doing}", device=self._device) from error
        except adbutils.AdbError as error:
            said = str(error)
            if said in _CLOSED:
                raise AdbServerLost(f"the server ended or hung up, {doing}", device=self._device) from error
            found = (
                None
                if serial is None
                else problem(self.devices(ends), serial, self.place, device=self._device, had=False)
            )
            raise (found or DeviceUnreachable(f"{doing}, it said: {said}", device=self._device)) from error
        except (OSError, EOFError) as error:
            raise AdbServerLost(f"the server hung up, {doing}: {error}", device=self._device) from error
        except ValueError as error:  # a length that is no number
            raise ProtocolError(
                f"expected an adb server at {self.place}, found something else ({error}), {doing}",
                device=self._device,
            ) from error


def _settled(listed: list[Listed], serial: str) -> bool:
    mine = [entry for entry in listed if entry.answers_to(serial)]
    return len(mine) > 1 or any(entry.state not in PASSING for entry in mine)


def _asks(listed: list[Listed], serial: str) -> bool:
    """Whether the phone does not trust the server, or not yet."""
    mine = [entry for entry in listed if entry.answers_to(serial)]
    return len(mine) == 1 and mine[0].state == "unauthorized"


def left(ends: float) -> float:
    """Seconds until `ends`, for a socket's timeout; 0 would mean that it never waits."""
    return max(0.001, ends - time.monotonic())


def _readable(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
