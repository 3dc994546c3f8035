"""A device behind an SSH server."""

import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import paramiko

from ontarget.harness.errors import DeadlineExceeded, DeployFailed, DeviceFull, MissingFile
from ontarget.harness.transports.address import SshAddress, parse_destination
from ontarget.harness.transports.credential import Credential
from ontarget.harness.transports.protocols import ByteChannel, Completed
from ontarget.harness.transports.ssh.channel import SshChannel
from ontarget.harness.transports.ssh.connection import Connection, connect, dial
from ontarget.harness.transports.ssh.errors import translated
from ontarget.harness.transports.ssh.process import RemoteProcess
from ontarget.harness.transports.ssh.targets import DEFAULT_CONFIG, Target, read_config, resolve
from ontarget.harness.transports.ssh.tunnel import Tunnel
from ontarget.harness.transports.text import shown

# paramiko reports what it also raises; without a handler Python would print that to the terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_START_SECONDS: Final = 30.0
_CUT_SHORT: Final = 9
# Boards have no SFTP server (dropbear), so a file travels through `cat`. Words of the command are $1 the path, $2 the
# size in bytes, $3 the mode. What is cut off is not moved into place.
_PUT: Final = """
umask 022
mkdir -p "${1%/*}" || exit 1
part="${1%/*}/.${1##*/}.$$.part"
trap 'rm -f "$part"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cat > "$part" || exit 1
[ "$(wc -c < "$part")" -eq "$2" ] || exit 9
chmod "$3" "$part" && mv -f "$part" "$1"
"""


@dataclass(frozen=True)
class _Settings:
    address: SshAddress
    host_key: str | None
    identity: Path | None
    jump: str | None
    config: Path | None
    known_hosts: tuple[Path, ...] | None
    credential: Callable[[], Credential] | None
    excused: Callable[[], bool] | None


class SshTransport:
    """Runs programs on the far side of one SSH connection. Not thread-safe, but for `close`."""

    def __init__(self, name: str, settings: _Settings, deadline: float) -> None:
        self._name = name
        self._settings = settings
        self._jump: SshTransport | None = None
        self._connection = self._connect(deadline)

    @classmethod
    def connect(
        cls,
        name: str,
        address: SshAddress,
        *,
        host_key: str | None = None,
        identity: Path | None = None,
        jump: str | None = None,
        config: Path | None = DEFAULT_CONFIG,
        known_hosts: Sequence[Path] | None = None,
        credential: Callable[[], Credential] | None = None,
        excused: Callable[[], bool] | None = None,
        deadline: float = 20.0,
    ) -> Self:
        """Connect, check the host key, log in.

        `host_key` is the server's fingerprint, "SHA256:..."; without it the server must stand in `known_hosts`, by
        default those of the user and of the system. `identity` is a private key file, the only one then to be tried
        (with ssh-agent, if it is locked). `jump` is `[user@]host[:port]`, several joined by commas, the nearest to us
        first; a jump host's key must be known. `config` is the ssh configuration that completes the address.
        `credential` is asked before each connection, and what it gives is all that the device is offered. A device that
        answers nothing for 25 s is lost, unless it is `excused` then, as an emulated board is that stands still.

        Raises HostKeyRefused, AuthenticationFailed, DeviceUnreachable, DeadlineExceeded, BadAddress, MissingFile.
        """
        known = None if known_hosts is None else tuple(known_hosts)
        settings = _Settings(address, host_key, identity, jump, config, known, credential, excused)
        return cls(name, settings, deadline)

    @property
    def name(self) -> str:
        return self._name

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return self._connection.alive

    @property
    def cipher(self) -> str:
        """The agreed cipher of what is sent."""
        return self._connection.cipher

    def reconnect(self, *, deadline: float = 20.0) -> None:
        """Give the connection up and make a new one. Raises what `connect` does; open channels are lost."""
        self.close()
        self._connection = self._connect(deadline)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0) -> Completed:
        """See CommandRunner. A program that is not found has status 127, one that cannot be started 126."""
        ends = time.monotonic() + deadline
        process = RemoteProcess(self._connection, argv, ends)
        try:
            with translated(self._name, f"run `{shown(argv)}`"):
                _feed(process, stdin, ends)
                stdout = _all_of(process, ends)
                status = process.status(ends)
                return Completed(tuple(argv), status, stdout, process.stderr(last=True))
        except DeadlineExceeded as error:
            raise DeadlineExceeded(
                f"`{shown(argv)}` did not end within {deadline:g} s and was given up", device=self._name
            ) from error
        finally:
            process.end()

    def open(self, argv: Sequence[str]) -> ByteChannel:
        """See ChannelOpener."""
        return SshChannel(self._connection, argv, time.monotonic() + _START_SECONDS)

    def tunnel(self, host: str, port: int) -> Tunnel:
        """A port of this machine's loopback address that leads to one that the far side can reach, while it is open.

        Raises DeviceUnreachable if nobody listens there, DeadlineExceeded.
        """
        return Tunnel(self._connection, host, port)

    def put(self, local: Path, remote: str, *, executable: bool = False, deadline: float = 120.0) -> None:
        """See FileCarrier."""
        try:
            data = local.read_bytes()
        except OSError as error:
            raise MissingFile(f"cannot read {local}: {error.strerror}", device=self._name) from error
        mode = "755" if executable else "644"
        done = self.run(["sh", "-c", _PUT, "sh", remote, str(len(data)), mode], stdin=data, deadline=deadline)
        if done.status == 0:
            return
        said = done.stderr.decode("utf-8", "replace").strip()
        if "No space left" in said or "quota exceeded" in said:
            raise DeviceFull(f"no room for the {len(data)} bytes of {local} at {remote}: {said}", device=self._name)
        if done.status == _CUT_SHORT:
            said = f"less than the {len(data)} bytes that were sent have arrived. {said}".strip()
        raise DeployFailed(f"cannot store {local} at {remote} (status {done.status}): {said}", device=self._name)

    def close(self) -> None:
        """See Transport."""
        self._connection.close()
        if self._jump is not None:
            self._jump.close()

    def _connect(self, deadline: float) -> Connection:
        settings = self._settings
        credential = None if settings.credential is None else settings.credential()
        ends = time.monotonic() + deadline
        with translated(self._name, f"read the ssh configuration {settings.config}"):
            target = resolve(
                settings.address,
                read_config(settings.config),
                identity=settings.identity,
                jump=settings.jump,
                known_hosts=settings.known_hosts,
            )
        if target.jump is None:
            wire = dial(target.host, target.port, ends, self._name)
            return self._on(wire, target, credential, ends)
        before, _, last = target.jump.rpartition(",")
        self._jump = SshTransport.connect(
            f"{self._name} (jump host {last})",
            parse_destination(last),
            jump=before or None,
            config=settings.config,
            known_hosts=settings.known_hosts,
            deadline=deadline,
        )
        try:
            tunnel = self._jump._connection.tunnel(target.host, target.port, ends)
            return self._on(tunnel, target, credential, ends)
        except BaseException:
            self._jump.close()
            raise

    def _on(
        self, wire: socket.socket | paramiko.Channel, target: Target, credential: Credential | None, ends: float
    ) -> Connection:
        expected = self._settings.host_key
        return connect(
            wire,
            target,
            device=self._name,
            host_key=expected,
            ends=ends,
            credential=credential,
            excused=self._settings.excused,
        )


def _feed(process: RemoteProcess, stdin: bytes, ends: float) -> None:
    """Write all of stdin, unless the process ends before it has read it."""
    channel = process.channel
    view = memoryview(stdin)
    piece = max(1, channel.out_max_packet_size - 64)
    while len(view):
        channel.settimeout(max(0.0, ends - time.monotonic()))
        try:
            sent = channel.send(bytes(view[:piece]))
        except OSError as error:
            if isinstance(error, TimeoutError) or process.cut_off():
                raise
            return
        if sent == 0:
            return
        view = view[sent:]
    channel.shutdown_write()


def _all_of(process: RemoteProcess, ends: float) -> bytes:
    pieces: list[bytes] = []
    while True:
        process.channel.settimeout(max(0.0, ends - time.monotonic()))
        piece = process.channel.recv(1 << 20)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
