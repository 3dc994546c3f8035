"""A board's console behind a real ser2net, over RFC 2217 and over TCP: log in, and run commands there."""

import os
import select
import shutil
import socket
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ontarget.device_farm.boards import Board
from ontarget.harness.consoles.login import Login, log_in, wait_for_boot
from ontarget.harness.consoles.serial import SerialConsole
from ontarget.harness.consoles.shell import ConsoleShell
from ontarget.harness.errors import AuthenticationFailed, DeadlineExceeded, KernelFailed
from ontarget.harness.transports.protocols import CommandRunner
from support.boards import said
from support.waiting import eventually

SER2NET = """
connection: &rfc2217
  accepter: telnet(rfc2217),tcp,127.0.0.1,{rfc2217}
  connector: serialdev(nouucplock=true),{line},115200n81,local
"""
RAW = """
connection: &raw
  accepter: tcp,127.0.0.1,{raw}
  connector: serialdev(nouucplock=true),{line},115200n81,local
"""


@pytest.fixture(scope="module")
def board(shared_board: Callable[[str], Board]) -> Board:
    return shared_board("virtual-cortex-a53")


@contextmanager
def served(board: Board, folder: Path, config: str) -> Iterator[int]:
    """The board's console as the serial line of a ser2net; yields its port."""
    program = shutil.which("ser2net", path=f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin")
    if program is None:
        pytest.fail("needs ser2net: install the Debian package ser2net (see ci/system-packages)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ours, line = os.openpty()
    tty.setraw(line)
    (folder / "ser2net.yaml").write_text(config.format(rfc2217=port, raw=port, line=os.ttyname(line)))
    over = threading.Event()
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(board.folder / "console"))
        joined = threading.Thread(target=join, args=(ours, console, over), daemon=True)
        joined.start()
        with subprocess.Popen([program, "-n", "-c", str(folder / "ser2net.yaml")]) as server:
            try:
                eventually(lambda: listens(port), "ser2net")
                yield port
            finally:
                server.terminate()
                over.set()
                joined.join(10)
    os.close(line)
    os.close(ours)


def join(line: int, console: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        ready, _, _ = select.select([line, console.fileno()], [], [], 0.1)
        if line in ready:
            console.sendall(os.read(line, 4096))
        if console.fileno() in ready:
            os.write(line, console.recv(4096))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # in pyserial itself
@pytest.mark.parametrize(
    # a pseudo-terminal has no modem lines, which pyserial would set
    ("url", "config"),
    [("rfc2217://127.0.0.1:{}?ign_set_control", SER2NET), ("socket://127.0.0.1:{}", RAW)],
)
def test_commands_at_a_board_s_console(board: Board, tmp_path: Path, url: str, config: str) -> None:
    with served(board, tmp_path, config) as port, closing(SerialConsole(url.format(port), "unit")) as console:
        log_in(console, Login(), device="unit", deadline=60)
        shell = ConsoleShell(console, "unit")
        assert isinstance(shell, CommandRunner)
        done = shell.run(["uname", "-m"], deadline=60)
        assert (done.status, done.stdout) == (0, b"aarch64\n")
        done = shell.run(["sh", "-c", "printf '%s|' \"$@\"; exit 3", "sh", "a b", "it's", '$x "y"', ""], deadline=60)
        assert (done.status, done.stdout) == (3, b'a b|it\'s|$x "y"||')
        assert shell.run(["no-such-program"], deadline=60).status == 127
        with pytest.raises(DeadlineExceeded, match=r"unit: `sleep 600` did not end within 0\.5 s"):
            shell.run(["sleep", "600"], deadline=0.5)
        log_in(console, Login(), device="unit", deadline=60)
        assert shell.run(["true"], deadline=60).status == 0, "it goes on after one that hung"


def test_logging_in_with_a_password(board: Board) -> None:
    """By busybox's own login, at the board's own console."""
    spoil = "cp /etc/passwd /tmp/passwd && sed -i \"s|^root:x:|root:$(mkpasswd -m sha256 's3cret'):|\" /etc/passwd"
    said(board, "sh", "-c", spoil)
    try:
        with closing(SerialConsole(board.console_url, "unit")) as console:
            log_in(console, Login(), device="unit", deadline=60)
            console.write(b"exec login\r")
            console.expect(rb"login: ?$", deadline=60)
            with pytest.raises(AuthenticationFailed, match=r"unit: .* wants a password for 'root': name a file"):
                log_in(console, Login("root"), device="unit", deadline=60)
            with pytest.raises(AuthenticationFailed, match=r"unit: the console refused 'root'"):
                log_in(console, Login("root", "guess"), device="unit", deadline=60)
            log_in(console, Login("root", "s3cret"), device="unit", deadline=60)
            assert ConsoleShell(console, "unit").run(["id", "-u"], deadline=60).stdout == b"0\n"
    finally:
        said(board, "cp", "/tmp/passwd", "/etc/passwd")


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The device's end of a serial line (a descriptor), and the name of ours."""
    device, ours = os.openpty()
    tty.setraw(ours)
    yield device, os.ttyname(ours)
    os.close(device)
    os.close(ours)


def test_a_boot_is_over_when_somebody_may_log_in(line: tuple[int, str]) -> None:
    device, name = line
    with SerialConsole(name, "unit") as console:
        os.write(
            device,
            b"[    0.000000] Linux version 6.1\r\n[    2.1] Run /sbin/init\r\nDebian unit ttyS0\r\n\r\nunit login: ",
        )
        wait_for_boot(console, device="unit", deadline=10)
        os.write(device, b"[    0.000000] Linux version 6.1\r\n")
        with pytest.raises(DeadlineExceeded):
            wait_for_boot(console, device="unit", deadline=0.05)


def test_a_boot_that_ends_in_a_panic_is_told_at_once(line: tuple[int, str]) -> None:
    device, name = line
    with SerialConsole(name, "unit") as console:
        os.write(device, b"[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n")
        with pytest.raises(KernelFailed, match=r"unit: expected it to boot, .*kernel panic: .*Unable to mount root fs"):
            wait_for_boot(console, device="unit", deadline=10)


def test_a_console_at_which_nobody_is(line: tuple[int, str]) -> None:
    _, name = line
    with SerialConsole(name, "unit") as console, pytest.raises(DeadlineExceeded, match="unit: expected a log-in"):
        log_in(console, Login(), device="unit", deadline=0.2)
