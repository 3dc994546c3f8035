"""A phone of another ABI: an emulated board behind adb."""

from collections.abc import Callable
from pathlib import Path

from ontarget.device_farm.boards import Board
from ontarget.device_farm.virtual_phone.behind import SHELL_USER
from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import Fence
from ontarget.harness.builds import parse_build
from ontarget.harness.device import Clock, Device
from support.agents import compile_library
from support.phones import AdbServer, phone_behind


def test_a_board_behind_adb_is_a_phone(
    shared_board: Callable[[str], Board], adb_server: AdbServer, tmp_path: Path
) -> None:
    library = compile_library("int twice(int x) { return 2 * x; }", tmp_path / "libtwice.so", Abi.AARCH64)
    with (
        phone_behind(shared_board("virtual-cortex-a53"), tmp_path / "tools") as phone,
        Device.open(
            adb_server.transport(phone, deadline=60), name="phone-7", kind="phone", fence=Fence("test", 1)
        ) as device,
    ):
        assert (device.info.abi, device.info.clock) == (Abi.AARCH64, Clock.INSTRUCTIONS)
        assert device.session.hello.uid == SHELL_USER
        device.require_timing()
        deployed = device.deploy(parse_build([str(library)], "candidate"))
        assert deployed.launch().call("int twice(int x);", "twice", 21) == 42
        assert device.conditions().load is not None
