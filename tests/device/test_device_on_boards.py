"""A virtual board as a device: another ABI, a clock that counts, dropbear for an SSH server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ontarget.device_farm.boards import Board
from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import Fence
from ontarget.harness.builds import parse_build
from ontarget.harness.device import Clock, Device
from ontarget.harness.errors import UntimedDevice
from support.agents import compile_library
from support.boards import connected

ROOT = "/tmp/ontarget-device-tests"


def test_a_board_runs_a_library_of_its_abi(shared_board: Callable[[str], Board], tmp_path: Path) -> None:
    library = compile_library("int twice(int x) { return 2 * x; }", tmp_path / "libtwice.so", Abi.AARCH64)
    with (
        connected(shared_board("virtual-cortex-a53")) as transport,
        Device.open(
            transport, name="v-1", kind="virtual", fence=Fence("test", 1), clock=Clock.INSTRUCTIONS, root=ROOT
        ) as device,
    ):
        assert device.info.abi is Abi.AARCH64
        assert {core.name for core in device.info.capabilities.cores} == {"Cortex-A53"}
        assert "asimddp" not in device.info.capabilities.isa_features
        assert device.info.capabilities.emulated
        deployed = device.deploy(parse_build([str(library)], "candidate"))
        assert deployed.launch().call("int twice(int x);", "twice", 21) == 42
        assert device.conditions().load is not None
        device.require_timing()


def test_a_board_says_itself_that_it_is_no_clock(shared_board: Callable[[str], Board]) -> None:
    with (
        connected(shared_board("virtual-cortex-a53")) as transport,
        Device.open(transport, name="v-1", kind="virtual", fence=Fence("test", 2), root=ROOT) as device,
    ):
        assert device.info.clock is Clock.NONE
        with pytest.raises(UntimedDevice, match=r"v-1: .*emulator"):
            device.require_timing()
