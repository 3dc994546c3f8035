"""Faults that a board is given, on purpose and for real: through its shell, its network card, its power, its files."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ontarget.device_farm import boards
from ontarget.device_farm.boards import Board, cpio, keys, qmp
from support.boards import connected, said

ROOT = "/var/lib/ontarget"
"""Where the agent keeps its files on a board."""


@dataclass(frozen=True)
class Fault:
    """`what` is injected, in words; `heals`: whether a device has to come back from it by itself."""

    name: str
    what: str
    inject: Callable[[Board], None]
    heals: bool = True


def kill_agent(board: Board) -> None:
    said(board, "sh", "-c", "kill -9 $(pidof ontarget-agent)")


def cut_connections(board: Board) -> None:
    """End all SSH sessions, our own with them; init starts the server anew."""
    _last_words(board, "killall -9 dropbear")


def panic(board: Board) -> None:
    _last_words(board, "echo c > /proc/sysrq-trigger")


def interface_down(board: Board) -> None:
    _last_words(board, "ip link set eth0 down")


def link_down(board: Board) -> None:
    with qmp.conversation(board.qmp, board.name) as talk:
        talk.execute("set_link", name="net", up=False)


def fill_disk(board: Board) -> None:
    left = "stat -f -c '%a * %S' ."
    said(board, "sh", "-c", f"mkdir -p {ROOT}/left && cd {ROOT}/left && fallocate -l $(($({left}))) fill")


def read_only(board: Board) -> None:
    said(board, "sh", "-c", f"mount -o bind {ROOT} {ROOT} && mount -o remount,bind,ro {ROOT}")


def freeze(board: Board) -> None:
    board.pause()


def cut_power(board: Board) -> None:
    boards.power_off(board.name)


def spoil_boot(board: Board) -> None:
    """Leave the board off, with a start-up program that is none."""
    boards.power_off(board.name)
    _append(board, cpio.file("init", b"no program\n", 0o755))


def change_host_key(board: Board) -> None:
    """As if another board had taken its address."""
    other = keys.generate().dropbear_host_key
    with connected(board) as transport:
        done = transport.run(["sh", "-c", "cat > /etc/dropbear/host_key"], stdin=other)
    if done.status != 0:
        raise AssertionError(f"the key was not changed: {done}")
    cut_connections(board)


ALL = (
    Fault("agent killed", "`kill -9` of the agent", kill_agent),
    Fault("connection cut", "`killall -9` of the SSH server", cut_connections),
    Fault("kernel panic", "`echo c > /proc/sysrq-trigger`", panic),
    Fault("network interface down", "`ip link set eth0 down` on the device", interface_down),
    Fault("network link down", "the virtual cable pulled (QMP `set_link`)", link_down),
    Fault("full disk", "the file system of the agent's files filled to the last byte", fill_disk),
    Fault("read-only file system", "that file system remounted read-only", read_only),
    Fault("frozen board", "the processor stopped (QMP `stop`)", freeze),
    Fault("power cut", "QEMU killed", cut_power),
    Fault("board never boots", "QEMU killed, and no start-up program in its image", spoil_boot, heals=False),
    Fault("changed host key", "another host key given to the SSH server", change_host_key, heals=False),
)
HEALING = tuple(fault for fault in ALL if fault.heals)


def named(name: str) -> Fault:
    return next(fault for fault in ALL if fault.name == name)


FARM = """\
version = 1
[[device]]
name = "unit"
model = "virtual-cortex-a53"
kind = "board"
connect = "ssh:root@127.0.0.1:{port}"
host_key = "{key}"
identity = "{identity}"
console = "{console}"
power = {{ driver = "qmp", board = "{board}", boot = {boot} }}
recovery = {{ {limits} }}
"""


def farm_of(board: Board, *, boot: float = 60.0, limits: str = "") -> str:
    """A farm.toml with this board as what it is to a farm: behind SSH, with a console and a power switch."""
    return FARM.format(
        port=board.ssh_port,
        key=board.host_key,
        identity=board.identity,
        console=board.console_url,
        board=board.name,
        boot=boot,
        limits=limits,
    )


@contextmanager
def restored(board: Board) -> Iterator[None]:
    """Put the board's own files and its power back afterwards."""
    own = board.folder / "own.cpio"
    before = own.read_bytes()
    try:
        yield
    finally:
        if own.exists() and own.read_bytes() != before:
            own.write_bytes(before)


def _append(board: Board, entry: cpio.Entry) -> None:
    """What comes later in the files that a board starts with takes the place of what came before."""
    own = board.folder / "own.cpio"
    own.write_bytes(own.read_bytes() + cpio.archive([entry]))


def _last_words(board: Board, script: str) -> None:
    """Run what ends the connection that it is asked over: by ssh itself, which may be killed."""
    argv = ["ssh", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={Path('/dev/null')}", "-o"]
    argv += ["ConnectTimeout=10", "-o", "LogLevel=ERROR", "-i", str(board.identity), "-p", str(board.ssh_port)]
    argv += ["root@127.0.0.1", f"(sleep 0.2; {script}) </dev/null >/dev/null 2>&1 &"]
    subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
