"""One QEMU process: its command line, its start, the wait until the board answers, its end."""

import dataclasses
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ontarget.device_farm.boards import guest, qmp, registry
from ontarget.device_farm.boards.image import Image
from ontarget.device_farm.boards.models import model_named
from ontarget.device_farm.boards.registry import Board
from ontarget.harness.consoles.kernel_faults import worst
from ontarget.harness.errors import DeadlineExceeded, InfraError

MEMORY_MIB = 512
BOOT_DEADLINE = 120.0
# Nothing inside is placed at random and little runs beside: equal programs then run equal instructions.
_KERNEL_WORDS = "console=ttyAMA0 panic=1 nokaslr norandmaps transparent_hugepage=never ipv6.disable=1"
_FORWARDED = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+22\s")


def command(board: Board, kernel: Path) -> list[str]:
    """QEMU's arguments, for a process started in the board's folder; a port that is 0 is chosen by the system."""
    icount = ["-icount", "shift=1,sleep=on"] if board.clock == "instructions" else []
    return [
        "qemu-system-aarch64",
        *("-machine", "virt", "-cpu", model_named(board.model).cpu, "-smp", "1", "-m", str(MEMORY_MIB)),
        *icount,
        *("-nodefaults", "-nographic", "-no-user-config"),
        *("-kernel", str(kernel), "-initrd", "initrd", "-append", _KERNEL_WORDS),
        *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{board.ssh_port}-:22"),
        *("-device", "virtio-net-device,netdev=net"),
        *("-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-device,rng=entropy"),
        "-chardev",
        "socket,id=console,path=console,server=on,wait=off,logfile=console.log",
        *("-serial", "chardev:console"),
        *("-qmp", "unix:qmp,server=on,wait=off"),
        *("-daemonize", "-pidfile", str(board.folder / "pid")),
    ]


def start(board: Board, image: Image) -> Board:
    """Start QEMU, in a session of its own; return the board with its port. Raises InfraError."""
    argv = command(board, image.kernel)
    program = shutil.which(argv[0])
    if program is None:
        raise InfraError(f"{argv[0]} is not installed; install the Debian package qemu-system-arm", device=board.name)
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            cwd=board.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise InfraError(f"QEMU was not running after {expired.timeout:.0f} s", device=board.name) from expired
    if done.returncode != 0:
        raise InfraError(f"QEMU would not start (status {done.returncode}): {done.stderr.strip()}", device=board.name)
    return with_ports(board)


def with_ports(board: Board) -> Board:
    """The board with the ports that its QEMU has. Raises InfraError."""
    with qmp.conversation(board.qmp, board.name) as talk:
        network = str(talk.execute("human-monitor-command", **{"command-line": "info usernet"}))
    ssh = _FORWARDED.search(network)
    if ssh is None:
        raise InfraError(f"QEMU names no SSH port: {network!r}", device=board.name)
    return dataclasses.replace(board, ssh_port=int(ssh[1]))


def wait_until_up(
    board: Board,
    *,
    deadline: float = BOOT_DEADLINE,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the board's SSH server greets. Raises InfraError if QEMU ends, DeadlineExceeded after `deadline` s."""
    end = now() + deadline
    # A connection made before the network is up would reach the board seconds later, and disturb what is timed then.
    while not (_has_started(board) and _greets(board.ssh_port)):
        if registry.process_of(board.folder) is None:
            raise InfraError(f"QEMU ended before the board was up; its console said: {_tail(board)}", device=board.name)
        if now() > end:
            message = f"not up {deadline:g} s after power-on; its console said: {_tail(board)}"
            raise DeadlineExceeded(message, device=board.name)
        sleep(0.05)


def _has_started(board: Board) -> bool:
    try:
        return guest.READY.encode() in board.boot_log.read_bytes()
    except FileNotFoundError:
        return False


def _greets(port: int) -> bool:
    # QEMU accepts at once, and hangs up while the board does not listen yet.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as stream:
            return stream.recv(4) == b"SSH-"
    except OSError:
        return False


def _tail(board: Board) -> str:
    """What of its console says most."""
    try:
        said = board.boot_log.read_text(errors="replace")
    except FileNotFoundError:
        return "nothing"
    fault = worst(said)
    return str(fault) if fault is not None else said[-1000:] or "nothing"


def stop(folder: Path, *, deadline: float = 10.0) -> bool:
    """Cut the power of the board that runs from `folder`. Returns whether it was on. Raises DeadlineExceeded."""
    was_on = False
    # QEMU forks while it starts: look again until there is none.
    while pids := registry.processes_of(folder):
        was_on = True
        for pid in pids:
            _kill(pid, folder, deadline)
    return was_on


def _kill(pid: int, folder: Path, deadline: float) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor cannot come to mean another process: check once more that it is the one that was looked for.
        if registry.runs_from(folder, pid):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            if not select.select([process], [], [], deadline)[0]:
                raise DeadlineExceeded(f"QEMU (process {pid}) outlived SIGKILL by {deadline:g} s", device=folder.name)
    except ProcessLookupError:
        return
    finally:
        os.close(process)
