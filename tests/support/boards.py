"""Virtual boards for tests: one of each model per test session, in a registry of the session's own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ontarget.device_farm import boards
from ontarget.device_farm.boards import Board, registry
from ontarget.device_farm.locks import exclusive, exclusive_if_free
from ontarget.harness.transports.address import SshAddress
from ontarget.harness.transports.ssh.transport import SshTransport


@contextmanager
def state_home(folder: Path) -> Iterator[None]:
    """Let boards be looked for in `folder`, not in the registry of the user who runs the tests."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(scope="session")
def boards_home() -> Iterator[Path]:
    """The registry of this session; its boards are stopped at its end, and those of killed sessions at the start."""
    base = Path(tempfile.gettempdir(), f"ontarget-tests-{os.getuid()}")
    for left in base.glob("*.lock"):
        with exclusive_if_free(left) as free:
            if free:
                stop_all(left.with_suffix(""))
                left.unlink()
    folder = base / str(os.getpid())
    with exclusive(Path(f"{folder}.lock")):
        folder.mkdir(exist_ok=True)
        yield folder
        stop_all(folder)
        Path(f"{folder}.lock").unlink()


def stop_all(folder: Path) -> None:
    """Stop all boards of the registry in `folder`, and remove it."""
    with state_home(folder):
        for name in registry.names():
            boards.down(name)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_board(boards_home: Path) -> Callable[[str], Board]:
    """`shared_board(model)` is a board that is up, the same for all tests: it is not to be switched off or paused."""

    def of_model(model: str) -> Board:
        with state_home(boards_home):
            return boards.up(model, f"shared-{model}")

    return of_model


@contextmanager
def connected(board: Board) -> Iterator[SshTransport]:
    """An SSH connection to the board, whose host key must be the recorded one."""
    address = SshAddress("127.0.0.1", "root", board.ssh_port)
    transport = SshTransport.connect(
        board.name, address, host_key=board.host_key, identity=board.identity, config=None, deadline=60
    )
    try:
        yield transport
    finally:
        transport.close()


def said(board: Board, *argv: str) -> str:
    """What the command prints on the board; it must succeed."""
    with connected(board) as transport:
        done = transport.run(argv)
    assert done.status == 0, done
    return done.stdout.decode()
