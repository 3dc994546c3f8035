"""The switch of a real board."""

from ontarget.device_farm import boards, power
from ontarget.device_farm.power.protocols import PowerController
from support.boards import said


def test_a_power_cycle_boots_the_same_board_with_nothing_left() -> None:
    before = boards.up("virtual-cortex-a53", "switched")
    switch = power.open_power("switched", "qmp", {"board": "switched"})
    assert isinstance(switch, PowerController)
    try:
        said(before, "touch", "/root/left")
        pauses: list[float] = []
        power.cycle(switch, off_for=1.5, sleep=pauses.append)
        assert pauses == [1.5]
        after = boards.find("switched")
        assert after == before
        assert said(before, "ls", "/root") == ""
        switch.switch(True)
        assert boards.find("switched") == after
        switch.switch(False)
        switch.switch(False)
        assert boards.find("switched") is None
    finally:
        boards.down("switched")
