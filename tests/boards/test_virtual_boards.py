"""Boards as a user meets them: they boot, answer, survive the run that started them, and are found again."""

import os
import re
import select
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from ontarget.device_farm import boards
from ontarget.device_farm.boards import Board, machine, registry
from ontarget.harness.agent.session import Fence
from ontarget.harness.consoles.serial import SerialConsole
from ontarget.harness.device import Device
from ontarget.harness.errors import DeadlineExceeded, HostKeyRefused, UntimedDevice, UserError
from ontarget.harness.metrics import latency
from support.boards import connected, said
from support.spinning import PROTOTYPES, spin, spinning

A53, A76 = "virtual-cortex-a53", "virtual-cortex-a76"
SharedBoard = Callable[[str], Board]

# Prints medians of 15 timings of a loop, in ns: as many lines as its first argument says.
_LOOP = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}
static volatile double sink;
int main(int count, char **words) {
    long iterations = atol(words[count - 1]);
    for (int sample = 0; sample < 15; sample++) {
        long start = now();
        double x = 1;
        for (long i = 0; i < iterations; i++) x = x * 1.0000001 + 0.5;
        sink = x;
        printf("%ld\n", now() - start);
    }
    return 0;
}
"""
# Starts a board, says how far it is, and stays.
_OWNER = """
import sys, time
from ontarget.device_farm import boards
print(boards.up(sys.argv[1], sys.argv[2], progress=lambda m: print(m, flush=True)).pid, flush=True)
time.sleep(600)
"""


def owner(name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", _OWNER, A53, name], stdout=subprocess.PIPE, text=True)


def read_until(process: "subprocess.Popen[str]", wanted: Callable[[str], bool]) -> str:
    """The first line that the process prints that is `wanted`."""
    assert process.stdout is not None
    return next(line.strip() for line in process.stdout if wanted(line.strip()))


def killed(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate(timeout=30)


def console_says(board: Board, typed: bytes, expected: bytes) -> bytes:
    """What the console prints, up to `expected`, after `typed`."""
    with closing(SerialConsole(board.console_url, board.name)) as console:
        console.write(typed)
        return console.expect(re.escape(expected), deadline=60)


def test_a_command_runs_on_the_processor_that_the_model_names(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    assert said(board, "uname", "-m") == "aarch64\n"
    assert "0xd03" in said(board, "cat", "/proc/cpuinfo")  # CPU part: Cortex-A53
    assert said(board, "cat", "/proc/sys/kernel/randomize_va_space") == "0\n"
    assert said(board, "id", "-u", "nobody") == "65534\n"


def test_the_host_key_is_checked_and_each_board_has_its_own(shared_board: SharedBoard) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(shared_board, (A53, A76))
    assert first.host_key != second.host_key
    assert first.identity.read_bytes() != second.identity.read_bytes()
    assert first.identity.stat().st_mode & 0o077 == 0
    with pytest.raises(HostKeyRefused), connected(Board(**{**vars(first), "host_key": second.host_key})):
        pass


def test_two_boards_at_once_are_two_models(shared_board: SharedBoard) -> None:
    first, second = shared_board(A53), shared_board(A76)
    assert {first.name, second.name} <= {board.name for board in boards.running()}
    with connected(first) as one, connected(second) as other:
        features = [transport.run(["cat", "/proc/cpuinfo"]).stdout for transport in (one, other)]
    assert b"asimddp" not in features[0]
    assert b"asimddp" in features[1]
    assert b"asimdhp" in features[1]


def test_the_console_has_a_shell_and_survives_reconnection(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    for word in (b"first", b"second"):
        assert word + b"-42" in console_says(board, b"echo " + word + b"-$((6*7))\n", word + b"-42")
    assert b"Linux version" in console_says(board, b"dmesg | head -n 3\n", b"Debian")
    assert "Linux version" in board.boot_log.read_text(errors="replace")


def test_kernel_messages_reach_the_console(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    with closing(SerialConsole(board.console_url, board.name)) as console:
        said(board, "sh", "-c", "echo '<2>planted kernel message' > /dev/kmsg")
        console.expect(rb"\[ *\d+\.\d+\] planted kernel message", deadline=60)


def test_a_second_up_of_the_name_gives_the_same_board(shared_board: SharedBoard) -> None:
    first = shared_board(A53)
    assert boards.up(A53, first.name) == first
    assert boards.find(first.name) == first


def test_a_name_that_is_in_use_by_another_kind_is_refused(shared_board: SharedBoard) -> None:
    name = shared_board(A53).name
    with pytest.raises(UserError, match="is on as a virtual-cortex-a53"):
        boards.up(A76, name)
    with pytest.raises(UserError, match="instructions"):
        boards.up(A53, name, free_running=True)


def test_the_clock_counts_instructions(shared_board: SharedBoard, tmp_path: Path) -> None:
    (tmp_path / "loop.c").write_text(_LOOP)
    build = ["cc", "-O2", "-target", "aarch64-linux-gnu.2.28", str(tmp_path / "loop.c"), "-o", str(tmp_path / "loop")]
    subprocess.run([sys.executable, "-m", "ziglang", *build], check=True, timeout=300)
    for board in (shared_board(A53), shared_board(A76)):
        medians: list[float] = []
        with connected(board) as transport:
            transport.put(tmp_path / "loop", "/tmp/loop", executable=True)
            for iterations in ("600000", "600000", "601000"):
                samples = transport.run(["/tmp/loop", iterations], deadline=120).stdout.split()
                medians.append(statistics.median(int(sample) for sample in samples))
        first, again, longer = medians
        assert abs(again / first - 1) < 1 / 30_000
        assert 1 / 1000 < longer / first - 1 < 1 / 400


def test_nothing_is_timed_on_a_free_running_board(tmp_path: Path) -> None:
    """It runs code as any board does, but says that its clock means nothing."""
    board = boards.up(A53, "free", free_running=True)
    try:
        assert board.clock == "none"
        assert boards.find("free") == board
        with (
            connected(board) as transport,
            Device.open(transport, name="free", kind="virtual", fence=Fence("board tests", 1)) as device,
        ):
            build = device.deploy(spinning(tmp_path, "candidate", abi=device.info.abi))
            assert build.launch().call(PROTOTYPES, "spin", 0) == 1
            with pytest.raises(UntimedDevice, match=r"^free: .*an emulator that runs freely.*`ontarget board up`"):
                latency.compare(spin(1000), build, build, rng=np.random.default_rng(1))
    finally:
        assert boards.down("free")
    assert not boards.down("free")


def test_a_killed_board_is_noticed_and_started_afresh() -> None:
    board = boards.up(A53, "killed")
    try:
        assert board.pid is not None
        process = os.pidfd_open(board.pid)
        os.kill(board.pid, signal.SIGKILL)
        assert select.select([process], [], [], 30)[0]
        os.close(process)
        assert registry.process_of(board.folder) is None
        assert boards.find("killed") is None
        assert "killed" not in {other.name for other in boards.running()}
        fresh = boards.up(A53, "killed")
        assert fresh.host_key != board.host_key
        assert said(fresh, "hostname") == "killed\n"
    finally:
        boards.down("killed")


def test_a_board_outlives_the_run_that_started_it_and_is_found() -> None:
    process = owner("orphan")
    try:
        pid = int(read_until(process, str.isdigit))
        killed(process)
        found = boards.find("orphan")
        assert found is not None
        assert found.pid == pid
        assert boards.up(A53, "orphan").pid == pid
        assert said(found, "hostname") == "orphan\n"
    finally:
        boards.down("orphan")
    assert boards.find("orphan") is None
    assert not found.folder.exists()


def test_a_start_that_was_cut_off_is_cleared_away() -> None:
    process = owner("cut-off")
    try:
        read_until(process, lambda line: line.startswith("starting"))
        killed(process)
        assert boards.find("cut-off") is None
        board = boards.up(A53, "cut-off")
        assert said(board, "hostname") == "cut-off\n"
    finally:
        boards.down("cut-off")


def test_runs_that_start_one_board_at_once_share_it() -> None:
    processes = [owner("contended") for _ in range(2)]
    try:
        pids = {read_until(process, str.isdigit) for process in processes}
        assert len(pids) == 1
    finally:
        for process in processes:
            killed(process)
        boards.down("contended")


def test_a_board_that_does_not_come_up_is_named_with_its_last_words(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    silent = Board(**{**vars(board), "ssh_port": 1})
    with pytest.raises(DeadlineExceeded, match=r"not up 0 s after power-on; its console said: .*\w") as caught:
        machine.wait_until_up(silent, deadline=0)
    assert caught.value.device == board.name


def test_the_console_is_reached_by_its_owner_alone(shared_board: SharedBoard) -> None:
    """It has a shell of root, and other users of the host may not enter its folder."""
    board = shared_board(A53)
    socket_of_it = board.folder / "console"
    assert socket_of_it.is_socket()
    assert board.folder.stat().st_mode & 0o077 == 0
    qemu = psutil.Process(board.pid)
    listening = {c.laddr.port for c in qemu.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert listening == {board.ssh_port}
