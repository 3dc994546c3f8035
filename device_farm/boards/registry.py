"""What is known of each board, kept in files so that it outlives the run that started it.

`$XDG_STATE_HOME/ontarget/boards/<name>/` holds `board.json` (written in one step, before QEMU starts and again when
the board is up), its keys, QEMU's process id and sockets, and what the console said. A board is on while the process of
that id was started with this very folder's pid file: a recycled process id is not taken for it.
"""

import json
import re
import tempfile
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from platformdirs import user_state_path

from ontarget.device_farm.boards import qmp
from ontarget.device_farm.locks import Progress, exclusive
from ontarget.harness.errors import InfraError, UserError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@#+-]{0,100}")
Clock = Literal["instructions", "none"]


class BadRecord(InfraError):
    """A board's record that cannot be read: `up` starts the board afresh."""


@dataclass(frozen=True)
class Board:
    """One virtual board. `ssh_port` is on 127.0.0.1, and 0 until it has been up; the user is root.

    `host_key` is the fingerprint of its SSH server, `identity` the file of the private key that logs in, `image` the
    digest of its system image, `clock` what its clock counts.
    """

    name: str
    model: str
    clock: Clock
    image: str
    host_key: str
    ssh_port: int
    folder: Path = field(compare=False)

    @property
    def identity(self) -> Path:
        return self.folder / "identity"

    @property
    def console_url(self) -> str:
        """A pyserial URL. The console has a shell of root: a socket that only who may enter the folder can reach."""
        return f"unix://{quote(str(self.folder / 'console'))}"

    @property
    def boot_log(self) -> Path:
        """All that the console has printed since power-on."""
        return self.folder / "console.log"

    @property
    def qmp(self) -> Path:
        return self.folder / "qmp"

    @property
    def pid(self) -> int | None:
        """QEMU's process id, None if the board is off."""
        return process_of(self.folder)

    def pause(self) -> None:
        """Stop the board's processor and clock. Raises DeviceUnreachable if the board is off."""
        with qmp.conversation(self.qmp, self.name) as talk:
            talk.execute("stop")

    def resume(self) -> None:
        """Let the board go on after `pause`. Raises DeviceUnreachable if the board is off."""
        with qmp.conversation(self.qmp, self.name) as talk:
            talk.execute("cont")

    @property
    def paused(self) -> bool:
        """Raises DeviceUnreachable if the board is off."""
        with qmp.conversation(self.qmp, self.name) as talk:
            return bool(talk.execute("query-status")["status"] == "paused")


def boards_folder() -> Path:
    return user_state_path("ontarget") / "boards"


def folder_of(name: str) -> Path:
    """Raises UserError if `name` cannot be one."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot name a board: expected letters, digits and . _ : @ # + -, at most 101")
    return boards_folder() / name


def locked(name: str, progress: Progress) -> AbstractContextManager[None]:
    """Held by whoever starts or stops the board."""

    def waiting() -> None:
        progress(f"waiting for another run that starts or stops {name}")

    return exclusive(boards_folder() / ".locks" / folder_of(name).name, waiting=waiting)


def to_json(board: Board) -> str:
    fields = asdict(board)
    del fields["folder"]
    return json.dumps({"version": 2, **fields}, indent=1)


def from_json(text: str, folder: Path) -> Board:
    """Raises BadRecord, also for a record of another version."""
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict) or fields.pop("version", None) != 2:
            raise ValueError("it is not of version 2")
        wanted: dict[str, type] = dict.fromkeys(("name", "model", "clock", "image", "host_key"), str)
        wanted["ssh_port"] = int
        for key, kind in wanted.items():
            if type(fields.get(key)) is not kind:
                raise ValueError(f"{key} should be of type {kind.__name__}, is {fields.get(key)!r}")
        if fields["clock"] not in ("instructions", "none") or set(fields) != set(wanted):
            raise ValueError(f"its keys or its clock are not known: {sorted(fields)}, {fields['clock']!r}")
        return Board(folder=folder, **fields)
    except ValueError as error:
        raise BadRecord(f"the record of board {folder.name} cannot be read: {error}", device=folder.name) from error


def write(board: Board) -> None:
    """Replace the board's record in one step."""
    with tempfile.NamedTemporaryFile("w", dir=board.folder, delete=False) as file:
        file.write(to_json(board))
    Path(file.name).replace(board.folder / "board.json")


def read(name: str) -> Board | None:
    """The record of a board, on or off; None if there is none. Raises BadRecord."""
    folder = folder_of(name)
    try:
        text = (folder / "board.json").read_text(errors="replace")
    except FileNotFoundError:
        return None
    return from_json(text, folder)


def process_of(folder: Path) -> int | None:
    """The id of the QEMU process that runs from `folder`, None if there is none."""
    try:
        pid = int((folder / "pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if runs_from(folder, pid) else None


def processes_of(folder: Path) -> list[int]:
    """All QEMU processes of `folder`, also one that has not yet written its id."""
    return [int(path.name) for path in Path("/proc").glob("[1-9]*") if runs_from(folder, int(path.name))]


def runs_from(folder: Path, pid: int) -> bool:
    """Whether the process was started with the pid file of `folder`."""
    try:
        arguments = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return str(folder / "pid").encode() in arguments


def find(name: str) -> Board | None:
    """The board of this name if it is on. One whose start was cut off is not taken for it."""
    try:
        board = read(name)
    except BadRecord:
        return None
    return board if board is not None and board.ssh_port and board.pid is not None else None


def names() -> list[str]:
    """All boards that have a folder, on or off."""
    return sorted(path.name for path in boards_folder().glob("[!.]*"))


def running() -> list[Board]:
    """All boards of this user that are on, by name, whichever run started them."""
    return [board for name in names() if (board := find(name)) is not None]
