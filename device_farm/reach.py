"""The way from a lease to its device: a transport and what goes with it, ended together."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from ontarget.device_farm import tunnels
from ontarget.device_farm.inventory import DeviceEntry
from ontarget.device_farm.lease import Lease
from ontarget.device_farm.leased import LeasedConsole
from ontarget.device_farm.locks import Progress
from ontarget.harness.errors import InfraError, UserError
from ontarget.harness.transports.address import AdbAddress, BoardAddress, LocalAddress, SshAddress
from ontarget.harness.transports.protocols import ByteChannel, Completed, Console, Reboots, Reconnects, Transport

if TYPE_CHECKING:
    from ontarget.device_farm.boards import Board
    from ontarget.harness.transports.credential import Credential

log = logging.getLogger(__name__)

ROOT_VARIABLE = "ONTARGET_ROOT"
"""Environment: where this machine, as a device, keeps ontarget's files."""


class OwnedTransport:
    """A transport that, when closed, also ends what was started for it, the last thing first."""

    def __init__(self, transport: Transport, ends: list[Callable[[], object]]) -> None:
        self._transport = transport
        self._ends = ends

    @property
    def name(self) -> str:
        return self._transport.name

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0) -> Completed:
        return self._transport.run(argv, stdin=stdin, deadline=deadline)

    def open(self, argv: Sequence[str]) -> ByteChannel:
        return self._transport.open(argv)

    def put(self, local: Path, remote: str, *, executable: bool = False, deadline: float = 120.0) -> None:
        self._transport.put(local, remote, executable=executable, deadline=deadline)

    @property
    def reboots(self) -> Reboots | None:
        """The connection, if it can restart the device by itself."""
        return self._transport if isinstance(self._transport, Reboots) else None

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as is known; where there is none, it does."""
        return not isinstance(self._transport, Reconnects) or self._transport.alive

    def reconnect(self) -> None:
        """Make the connection anew. Raises DeviceUnreachable, DeadlineExceeded."""
        if isinstance(self._transport, Reconnects):
            self._transport.reconnect()

    def close(self) -> None:
        self._transport.close()
        while self._ends:
            end_quietly(self._ends.pop(), self.name)


@dataclass
class Way:
    """What stands ready for a device: its power is on, nothing is connected yet.

    `quiet` keeps others on the same host from disturbing while something is timed. `ends` undoes what was started.
    `credential` proves who we are to a device that wants a certificate.
    """

    entry: DeviceEntry
    board: "Board | None" = None
    quiet: Callable[[], AbstractContextManager[None]] = nullcontext
    ends: list[Callable[[], object]] = field(default_factory=list)
    credential: "Callable[[], Credential] | None" = None

    @property
    def console_url(self) -> str | None:
        return self.board.console_url if self.board is not None else self.entry.console

    @property
    def root(self) -> str | None:
        """Where on the device ontarget keeps its files, None for the agent's choice.

        Several devices of a farm may be this machine: each has a place of its own, else one would fence the other off.
        $ONTARGET_ROOT moves it all elsewhere.
        """
        if self.board is not None or not isinstance(self.entry.address, LocalAddress):
            return None
        base = os.environ.get(ROOT_VARIABLE)
        if self.entry.name == self.entry.connect:
            return base
        base = base or ("/var/lib/ontarget" if os.geteuid() == 0 else str(Path.home() / ".cache/ontarget"))
        return f"{base}/devices/{_slug(self.entry.name)}"

    def transport(self) -> OwnedTransport:
        """Connect; closing the transport also calls `ends`. Raises DeviceUnreachable, UserError."""
        try:
            return OwnedTransport(self._connected(), self.ends)
        except BaseException:
            self.close()
            raise

    def console(self, lease: Lease) -> Console | None:
        """Open the serial console, None where the device has none. Raises InfraError."""
        if self.console_url is None:
            return None
        from ontarget.harness.consoles.serial import SerialConsole

        url, end = self.console_url, _nothing
        if self.board is None:
            url, end = tunnels.console(self.entry, url)
        try:
            return LeasedConsole(SerialConsole(url, self.entry.name), lease, end=end)
        except BaseException:
            end()
            raise

    def close(self) -> None:
        """Undo what was started, where no transport does it."""
        while self.ends:
            end_quietly(self.ends.pop(), self.entry.name)

    def _connected(self) -> Transport:
        if self.board is not None:
            from ontarget.harness.transports.ssh import SshTransport

            address = SshAddress("127.0.0.1", "root", self.board.ssh_port)
            # the user's ssh configuration speaks of other machines
            return SshTransport.connect(
                self.entry.name,
                address,
                host_key=self.board.host_key,
                identity=self.board.identity,
                config=None,
                known_hosts=(),
                excused=_somebody_times,  # boards stand still meanwhile
            )
        address_of_entry = self.entry.address
        if isinstance(address_of_entry, LocalAddress):
            from ontarget.harness.transports.local import LocalTransport

            return LocalTransport(self.entry.name)
        if isinstance(address_of_entry, SshAddress):
            from ontarget.harness.transports.ssh import SshTransport

            return SshTransport.connect(
                self.entry.name,
                address_of_entry,
                host_key=self.entry.host_key,
                identity=self.entry.identity,
                jump=self.entry.jump,
                credential=self.credential,
            )
        if isinstance(address_of_entry, AdbAddress):
            return self._adb(address_of_entry)
        raise UserError(f"{self.entry.connect}: this version of ontarget cannot connect to it", device=self.entry.name)

    def _adb(self, address: AdbAddress) -> Transport:
        from ontarget.harness.transports.adb import AdbTransport

        reached = tunnels.adb_server(self.entry, address)
        if not reached.tunnelled:
            return AdbTransport.connect(self.entry.name, address)
        self.ends.append(reached.close)
        return AdbTransport.connect(self.entry.name, address, server=(reached.host, reached.port))


def prepare(lease: Lease, board_name: str, started_before: int | None, progress: Progress) -> Way:
    """Make the lease's device ready to be connected to: a virtual board is booted.

    A board that was on is left on at the end, unless its process is `started_before`: then an earlier run started it
    and was killed. Raises UserError, InfraError.
    """
    lease.check()
    entry = lease.device
    address = entry.address
    if isinstance(address, BoardAddress):
        from ontarget.device_farm import boards

        before = boards.find(board_name)
        board = boards.up(address.model, board_name, progress=progress)
        found_on = before is not None and before.pid == board.pid and board.pid != started_before
        return Way(entry, board, ends=[] if found_on else [lambda: boards.down(board_name)])
    if isinstance(address, LocalAddress):

        def quiet() -> AbstractContextManager[None]:
            from ontarget.device_farm import boards

            return boards.quiet(progress)

        return Way(entry, quiet=quiet)
    if isinstance(address, SshAddress | AdbAddress):
        return Way(entry)
    assert_never(address)


def board_name(entry: DeviceEntry, store_id: str, *, own_store: bool) -> str:
    """Return the name of the virtual board behind an entry: units of other farms must be other boards.

    In the user's own store it is the one that `ontarget board up` starts, with the `#2` of a repeat.
    """
    if own_store and isinstance(entry.address, BoardAddress):
        return entry.name.removeprefix("board:")
    return f"{_slug(entry.name)}@{store_id[:8]}"


def _somebody_times() -> bool:
    from ontarget.device_farm.boards import being_timed

    return being_timed()


def _nothing() -> None:
    pass


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:80]


def end_quietly(end: Callable[[], object], device: str) -> None:
    """Call `end`; what goes wrong is logged, since at the end there is nobody left to tell."""
    try:
        end()
    except (InfraError, UserError) as error:
        log.warning("%s: not ended cleanly: %s", device, error)
