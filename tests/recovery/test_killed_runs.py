"""A suite that is killed at any moment leaves nothing behind that stops the next run."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ontarget.device_farm import boards, debian
from ontarget.device_farm.boards import registry
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.reach import board_name
from ontarget.harness.abi import Abi
from ontarget.harness.agent import build
from support.boards import said
from support.plugin_runs import Desk
from support.waiting import eventually

KILLS = 10
COMPLETE_AFTER = (3, 6, 10)
BOARD = "virtual-cortex-a53"
FARM = f"""
version = 1
[[device]]
name = "here"
connect = "local"
[[device]]
name = "board"
connect = "board:{BOARD}"
"""
# One comparison and two checks of results per device.
SELECTION = "transformer_softmax_t64 or (test_accuracy and softargmax and f32)"
TESTS = 6
LIBRARY = "libXNNPACK.so.0"
ARCHITECTURES = {Abi.X86_64: "amd64", Abi.AARCH64: "arm64"}
BOARD_ROOT = "/var/lib/ontarget"
STORED = re.compile(r"[0-9a-f]{64}")


@dataclass
class Suite:
    """A reduced suite on this machine and a board that it boots, which takes a new candidate in every run.

    The candidate has other bytes behind its code: it is another build, which has to be deployed, with the same speed.
    """

    desk: Desk
    builds: dict[Abi, Path]
    history: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return Path(self.desk.environment["ONTARGET_ROOT"])

    @property
    def log(self) -> Path:
        return self.desk.folder / "output.txt"

    @property
    def results(self) -> Path:
        return self.desk.folder / "ontarget-results.json"

    def killed_after(self, seconds: float) -> bool:
        """Start a run, and kill it with all its workers after that long; False if it came to its end before."""
        if self._status(within=seconds) is not None:
            return False
        self.history.append(f"killed after {seconds:.2f} s, having said: {self.last_words()}")
        return True

    def completes(self) -> float:
        """Let a run come to its end; its seconds."""
        started = time.monotonic()
        assert self._status(within=240) is not None, self._told()
        return time.monotonic() - started

    def last_words(self) -> str:
        return next((line for line in reversed(self.log.read_text().splitlines()) if line.strip()), "nothing")

    def _start(self) -> "subprocess.Popen[bytes]":
        self.results.unlink(missing_ok=True)
        arguments = [f"--farm={self.desk.folder / 'farm.toml'}", "--lease-ttl=3s", "--lease-wait=60s", "-v", "-n2"]
        # Any speed passes: what the machine does beside is no matter here.
        arguments += ["--pyargs", "ontarget.suites", "-m", "core", "-k", SELECTION, "--target-slowdown=1000"]
        for abi, original in self.builds.items():
            candidate = self.desk.folder / "candidate" / abi / LIBRARY
            candidate.write_bytes((original / LIBRARY).read_bytes() + os.urandom(4096))
            arguments += [f"--candidate={abi}={candidate.parent}", f"--baseline={abi}={original}"]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                self.desk.command(*arguments),
                cwd=self.desk.folder,
                env=self.desk.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group to kill
            )

    def _status(self, within: float) -> int | None:
        """Run until it ends, and check how; None if it was killed, as it had not ended `within` these seconds."""
        process = self._start()
        try:
            status = process.wait(within)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert status == 0, self._told()
        outcomes = [test["outcome"] for test in json.loads(self.results.read_text())["tests"]]
        assert outcomes == ["pass"] * TESTS, self._told()
        self.history.append("complete")
        return status

    def _told(self) -> str:
        return "\n".join([*self.history, self.log.read_text()])


def test_a_suite_killed_at_ten_random_moments_stops_no_later_run(desk: Desk) -> None:
    suite = Suite(desk, prepared_builds(desk))
    board = board_of(desk.write("farm.toml", FARM))
    boards.up(BOARD, board)
    length = suite.completes()
    boards.down(board)  # from here on runs start it, and find it as the last one left it
    chance = random.Random(20260)
    moments = [(number + chance.random()) / KILLS for number in range(KILLS)]
    chance.shuffle(moments)
    for number, moment in enumerate(moments, 1):
        while not suite.killed_after(moment * length):
            moment *= 0.9  # it was faster than the first one, and has ended as it should
        eventually(lambda: not processes_of(suite), f"the end of all that the run had started ({suite.history[-1]})")
        if number in COMPLETE_AFTER:
            check_board(board)
            suite.completes()
    assert sum(line.startswith("killed") for line in suite.history) == KILLS
    stored = check_stored(
        {f"{path.parent.name}/{path.name}": sha256(path) for path in suite.root.glob("devices/*/*/*")}
    )
    assert stored > 0
    assert not list(suite.root.glob("devices/*/tmp/*"))
    boards.down(board)
    assert registry.processes_of(registry.folder_of(board)) == []


def prepared_builds(desk: Desk) -> dict[Abi, Path]:
    """Make all that a first run on this machine would, as that takes minutes, and a folder for candidates."""
    boards.build(BOARD)
    builds = {abi: debian.libraries("libxnnpack0", name) for abi, name in ARCHITECTURES.items()}
    for abi, original in builds.items():
        build.program_for(abi)
        shutil.copytree(original, desk.folder / "candidate" / abi)
        (desk.folder / "candidate" / abi / LIBRARY).unlink()  # it may be a link
    return builds


def board_of(farm: Path) -> str:
    inventory = load(farm)
    entry = inventory.named("board")
    assert entry is not None
    with Farm.open(inventory) as opened:
        return board_name(entry, opened.store_id, own_store=False)


def processes_of(suite: Suite) -> list[psutil.Process]:
    """Processes that a run of the suite has started, but its board."""
    return [process for process in psutil.process_iter() if is_of(process, suite.root)]


def is_of(process: psutil.Process, root: Path) -> bool:
    try:
        ours = process.environ().get("ONTARGET_ROOT") == str(root) or any(str(root) in w for w in process.cmdline())
        return ours and not process.name().startswith("qemu-system") and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def check_board(name: str) -> None:
    """Nothing of a killed run is left on the board, if it is on: no process, no file that is not whole."""
    board = boards.find(name)
    if board is None or board.paused:  # a run that was timing on the host had paused it, and the next one wakes it
        return
    words = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    eventually(lambda: "agent serve" not in said(board, "sh", "-c", words), "the end of the agents on the board", 30.0)
    lines = said(board, "sh", "-c", f"cd {BOARD_ROOT} && sha256sum */* 2>/dev/null; true").splitlines()
    check_stored({name: digest for digest, name in (line.split(maxsplit=1) for line in lines)})


def check_stored(found: dict[str, str]) -> int:
    """How many files are of the store; `found` maps <folder>/<name> to the SHA-256, which the folder has to name."""
    stored = {name: digest for name, digest in found.items() if STORED.match(name)}
    assert stored == {name: name.partition("/")[0] for name in stored}
    return len(stored)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
