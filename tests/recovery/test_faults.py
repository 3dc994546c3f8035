"""Each fault of docs/faults.md on a real board: what is told, and by which rung the device comes back.

The board is what it would be in a farm: behind SSH, with a console and a power switch.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ontarget.device_farm import boards
from ontarget.device_farm.boards import Board
from ontarget.device_farm.errors import NotBroughtBack
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.ladder import climbing
from ontarget.device_farm.lease import Lease
from ontarget.harness.device import Device
from ontarget.harness.errors import InfraError
from support import faults
from support.boards import state_home

MODEL = "virtual-cortex-a53"
FILE = Path(__file__)
# Where the power has to be cycled at last, what cannot help is not waited for.
SHORT = 'reconnect = "1s", network-up = "off", soft-reboot = "off"'
PATIENT = 'reconnect = "30s"'
BRISK = 'reconnect = "1s"'


@pytest.fixture
def board(boards_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A board of these tests alone, on; it is switched off and on for the next where a test has left it broken."""
    monkeypatch.setenv("XDG_STATE_HOME", str(boards_home))
    with state_home(boards_home):
        up = boards.up(MODEL, "faulty", free_running=True)
        with faults.restored(up):
            yield up
            boards.power_off(up.name)  # whatever the test has done to it ends with its power


@contextmanager
def held(board: Board, folder: Path, limits: str = SHORT, boot: float = 60.0) -> Iterator[tuple[Farm, Lease, Device]]:
    path = folder / "farm.toml"
    path.write_text(faults.farm_of(board, limits=limits, boot=boot))
    with Farm.open(load(path)) as farm, farm.lease({"name": "unit"}) as lease:
        device = climbing.connect(farm, lease)
        try:
            yield farm, lease, device
        finally:
            device.close()


def failure_of(device: Device) -> InfraError:
    """What is told when the device is used next; without waiting as long as a slow device may take."""
    device.session.grace = 3.0
    with pytest.raises(InfraError) as told:
        use(device, times=1000)
    return told.value


def use(device: Device, times: int = 1) -> None:
    """Read something, and store a file anew."""
    for _ in range(times):
        device.conditions()
        device.session.sweep(max_age=0.0, max_bytes=0, keep=())
        device.session.store_file(FILE, hashlib.sha256(FILE.read_bytes()).hexdigest(), FILE.name)


# Whichever notices first: the wait for an answer, or SSH's own question whether anybody is there.
SILENT = "no answer to .* in time|the connection ended"
# By the fault: the rung that brings it back, words of what is told, and the limits of its entry.
BACK = {
    "agent killed": ("restart-agent", "the agent ended while answers were due", BRISK),
    "connection cut": ("restart-agent|reconnect", "unit: ", PATIENT),
    "kernel panic": ("reconnect", "unit: ", PATIENT),
    "network interface down": ("network-up", SILENT, BRISK),
    "network link down": ("power-cycle", SILENT, SHORT),
    "full disk": ("soft-reboot", "No space left on device|no room", BRISK),
    "read-only file system": ("soft-reboot", "Read-only file system", BRISK),
    "frozen board": ("power-cycle", SILENT, SHORT),
    "power cut": ("power-cycle", "unit: ", SHORT),
}


@pytest.mark.parametrize("fault", faults.HEALING, ids=lambda fault: fault.name)
def test_a_device_comes_back_from_a_fault(fault: faults.Fault, board: Board, tmp_path: Path) -> None:
    said: list[str] = []
    rungs, words, limits = BACK[fault.name]
    with held(board, tmp_path, limits) as (farm, lease, device):
        fault.inject(board)
        error = failure_of(device)
        assert re.search(words, str(error)), error
        back = climbing.recover(farm, lease, device, error, said.append, sleep=lambda _: None)
        with back:
            use(back)
    assert any(f"back after {rung}, " in line for rung in rungs.split("|") for line in said), said


def test_a_board_that_never_boots_is_given_up_with_the_reason(board: Board, tmp_path: Path) -> None:
    with held(board, tmp_path, boot=5.0) as (farm, lease, device):
        faults.named("board never boots").inject(board)
        error = failure_of(device)
        told = r"unit: not brought back: tried reconnect .*power-cycle \(2 times"
        with pytest.raises(NotBroughtBack, match=told) as end:
            climbing.recover(farm, lease, device, error, sleep=lambda _: None)
    assert end.value.state == "offline"
    assert "Kernel panic - not syncing" in str(end.value), "what its console says"


def test_another_host_key_is_never_accepted(board: Board, tmp_path: Path) -> None:
    with held(board, tmp_path, PATIENT) as (farm, lease, device):
        faults.named("changed host key").inject(board)
        error = failure_of(device)
        pid, told = board.pid, rf"host key SHA256:.*, expected {re.escape(board.host_key)}"
        with pytest.raises(NotBroughtBack, match=told) as end:
            climbing.recover(farm, lease, device, error)
        assert end.value.state == "quarantined"
        assert board.pid == pid, "nothing was done to it"
        with pytest.raises(InfraError, match=r"host key"):
            climbing.connect(farm, lease)
