"""Every power driver against the contract, and the switch of a real board."""

import pytest

from ontarget.device_farm import boards, power
from ontarget.device_farm.power.protocols import PowerController
from ontarget.harness.errors import UserError
from support.boards import said

# Settings with which each driver can be opened; a new driver adds its line here.
SETTINGS: dict[str, dict[str, object]] = {
    "labgrid": {"coordinator": "lab1:20408", "place": "pi4-03", "holder": "host/user"},
    "qmp": {"board": "switched"},
}


@pytest.mark.parametrize("driver", power.drivers())
def test_a_driver_opens_with_its_settings_and_refuses_others(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONTARGET_LABGRID_CLIENT", "labgrid-client")  # opened, not run
    settings = SETTINGS[driver]
    assert isinstance(power.open_power("pi4-03", driver, settings), PowerController)
    with pytest.raises(UserError, match=r"pi4-03: .*colour"):
        power.open_power("pi4-03", driver, {**settings, "colour": "red"})
    for name in settings:
        with pytest.raises(UserError, match=name):
            power.open_power("pi4-03", driver, {key: value for key, value in settings.items() if key != name})
        with pytest.raises(UserError, match=name):
            power.open_power("pi4-03", driver, {**settings, name: 7})


def test_an_unknown_driver_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UserError, match=r"pi4-03: no power driver 'lever'; there are: .*qmp"):
        power.open_power("pi4-03", "lever", {})


@pytest.mark.parametrize("on", [True, False])
def test_a_board_that_was_never_up_cannot_be_switched(on: bool) -> None:
    with pytest.raises(UserError, match="no board named 'never'"):
        power.open_power("never", "qmp", {"board": "never"}).switch(on)


def test_a_power_cycle_boots_the_same_board_with_nothing_left() -> None:
    before = boards.up("virtual-cortex-a53", "switched")
    switch = power.open_power("switched", "qmp", {"board": "switched"})
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
