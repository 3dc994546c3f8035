"""An authenticated SSH connection, tuned for many small messages."""

import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST
from paramiko.packet import Packetizer

from ontarget.harness.errors import DeadlineExceeded, DeviceUnreachable
from ontarget.harness.transports.credential import Credential
from ontarget.harness.transports.ssh.authentication import authenticate
from ontarget.harness.transports.ssh.errors import reason, translated
from ontarget.harness.transports.ssh.hostkeys import check, known_keys, preferred_types
from ontarget.harness.transports.ssh.targets import Target
from ontarget.harness.transports.text import UNREAD_MOST

_KEEPALIVE_SECONDS: Final = 10
# A peer that acknowledges nothing for this long is lost. It also bounds a write that the network swallows, which
# no other deadline reaches: paramiko's own sending waits for ever.
_SILENCE_MS: Final = 15_000
# AES in GCM mode is the fastest of what paramiko has: the processor's own instructions, and no separate checksum.
_CIPHERS: Final = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_KEY_EXCHANGE: Final = ("curve25519-sha256@libssh.org",)


class SignalNoting(Packetizer):
    """Notes by which signal a channel's process ended, which paramiko itself ignores (RFC 4254, section 6.10).

    `heard` is the monotonic time at which the peer last sent anything.
    """

    def __init__(self, socket: socket.socket) -> None:
        super().__init__(socket)
        self.exit_signals: dict[int, str] = {}
        self.heard = time.monotonic()

    def read_message(self) -> tuple[int, paramiko.Message]:
        kind, message = super().read_message()
        self.heard = time.monotonic()
        if kind == MSG_CHANNEL_REQUEST:
            channel = message.get_int()
            if message.get_text() == "exit-signal":
                message.get_boolean()
                self.exit_signals[channel] = message.get_text()
            message.rewind()
        return kind, message


class Connection:
    """A TCP connection (or a tunnel through a jump host) with SSH on it."""

    def __init__(self, transport: paramiko.Transport, wire: "socket.socket | paramiko.Channel", device: str) -> None:
        self.transport = transport
        self.device = device
        self._wire = wire

    @property
    def alive(self) -> bool:
        return self.transport.is_active()

    @property
    def cipher(self) -> str:
        """What is sent is encrypted so."""
        return self.transport.local_cipher

    def exit_signal(self, channel: paramiko.Channel) -> str | None:
        """The name, without SIG, of the signal that ended the channel's process."""
        packetizer = self.transport.packetizer
        return packetizer.exit_signals.get(channel.get_id()) if isinstance(packetizer, SignalNoting) else None

    def session(self, doing: str, ends: float) -> paramiko.Channel:
        """A channel for one process. Raises DeviceUnreachable and its kinds, DeadlineExceeded."""
        left = self._left(ends, doing)
        with translated(self.device, doing):
            try:
                return self.transport.open_session(timeout=left)
            except paramiko.SSHException as error:
                self._left(ends, doing, error)
                raise

    def tunnel(self, host: str, port: int, ends: float) -> paramiko.Channel:
        """A channel to another host, as a jump host makes it."""
        left = self._left(ends, f"reach {host} port {port}")
        with translated(self.device, f"reach {host} port {port} from there"):
            return self.transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=left)

    def close(self) -> None:
        """Never raises."""
        try:
            if isinstance(self._wire, socket.socket):
                self._wire.shutdown(socket.SHUT_RDWR)  # wakes paramiko's thread, which would else look up 0.1 s later
        except OSError:
            pass  # it is closed already
        self.transport.close()

    def _left(self, ends: float, act: str, cause: Exception | None = None) -> float:
        left = ends - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"could not {act} in time", device=self.device) from cause
        return left


def dial(host: str, port: int, ends: float, device: str) -> socket.socket:
    """Connect by TCP. Raises DeviceUnreachable, DeadlineExceeded."""
    place = f"{host} port {port}"
    try:
        wire = socket.create_connection((host, port), timeout=max(0.01, ends - time.monotonic()))
    except socket.gaierror as error:
        raise DeviceUnreachable(
            f"no host is called {host!r} ({error.strerror}): check its spelling, and DNS", device=device
        ) from error
    except TimeoutError as error:
        raise DeadlineExceeded(
            f"{place} did not answer: is the device on, and in this network?", device=device
        ) from error
    except ConnectionRefusedError as error:
        raise DeviceUnreachable(
            f"{place} refused the connection: expected an SSH server there. Is it running, on this port?",
            device=device,
        ) from error
    except OSError as error:
        raise DeviceUnreachable(f"{place} cannot be reached: {error.strerror or error}", device=device) from error
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MS)
    return wire


def connect(
    wire: "socket.socket | paramiko.Channel",
    target: Target,
    *,
    device: str,
    host_key: str | None,
    ends: float,
    credential: Credential | None = None,
    excused: Callable[[], bool] | None = None,
) -> Connection:
    """Negotiate, check the host key, authenticate. Raises DeviceUnreachable and its kinds, DeadlineExceeded.

    A peer that answers nothing for a while is lost, unless it is `excused` just then.
    """
    known = known_keys(target) if host_key is None else {}
    with translated(device, "speak SSH"):
        transport = paramiko.Transport(
            wire,
            default_window_size=UNREAD_MOST,
            packetizer_class=SignalNoting,
        )
    connection = Connection(transport, wire, device)
    try:
        _prefer(transport, known)
        _negotiate(transport, target, device, ends)
        check(transport.get_remote_server_key(), target, device=device, expected=host_key, known=known)
        transport.auth_timeout = max(0.1, ends - time.monotonic())
        with translated(device, f"log in as {target.user!r}"):
            authenticate(transport, target, device, credential)
        _expect_answers(transport, excused)
    except BaseException:
        connection.close()
        raise
    return connection


def _expect_answers(transport: paramiko.Transport, excused: Callable[[], bool] | None) -> None:
    """Lose the connection when the peer falls silent: behind a jump host or another relay no TCP of ours notices."""
    packetizer = transport.packetizer
    if not isinstance(packetizer, SignalNoting):
        return

    def ask() -> None:
        if time.monotonic() - packetizer.heard > _KEEPALIVE_SECONDS + _SILENCE_MS / 1000:
            if excused is None or not excused():
                raise EOFError  # in paramiko's reading thread: as if the peer had hung up
            packetizer.heard = time.monotonic()  # its silence begins anew when the excuse ends
        request = paramiko.Message()
        request.add_byte(cMSG_GLOBAL_REQUEST)
        request.add_string("keepalive@openssh.com")
        request.add_boolean(True)  # an answer is wanted, if only that nobody knows such a request
        transport._send_user_message(request)  # type: ignore[attr-defined]  # all else waits for the answer here

    packetizer.set_keepalive(_KEEPALIVE_SECONDS, ask)


def _prefer(transport: paramiko.Transport, known: dict[str, paramiko.PKey]) -> None:
    options = transport.get_security_options()
    options.ciphers = _first(_CIPHERS, options.ciphers)
    options.kex = _first(_KEY_EXCHANGE, options.kex)
    options.key_types = preferred_types(known, tuple(options.key_types))


def _first(wanted: tuple[str, ...], offered: Sequence[str]) -> list[str]:
    return [*(name for name in wanted if name in offered), *(name for name in offered if name not in wanted)]


def _negotiate(transport: paramiko.Transport, target: Target, device: str, ends: float) -> None:
    left = max(0.1, ends - time.monotonic())
    # Their sum must not pass the deadline by much, and the banner comes first.
    transport.banner_timeout = left
    transport.handshake_timeout = left
    place = f"{target.host} port {target.port}"
    try:
        transport.start_client(timeout=left)
    except paramiko.SSHException as error:
        if time.monotonic() >= ends - 0.1:
            raise DeadlineExceeded(
                f"{place} took the connection but did not answer as an SSH server", device=device
            ) from error
        raise DeviceUnreachable(f"{place} does not speak SSH as expected: {reason(error)}", device=device) from error
    except (EOFError, OSError) as error:
        raise DeviceUnreachable(f"{place} hung up while SSH was negotiated: {reason(error)}", device=device) from error
    if not transport.initial_kex_done:
        raise DeadlineExceeded(f"{place} took the connection but did not answer as an SSH server", device=device)
