"""Power and console after the lease has passed on: refused before anything reaches the device."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.device_farm.errors import LeaseLost, StoreFailed
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import DeviceEntry, Inventory
from ontarget.device_farm.lease import Lease
from ontarget.device_farm.leased import LeasedConsole, LeasedPower, power_of
from ontarget.device_farm.power import cycle


class Switch:
    """A power switch that notes what it was told, and may do something in between."""

    def __init__(self) -> None:
        self.acts: list[bool] = []

    def switch(self, on: bool) -> None:
        self.acts.append(on)


class Line:
    """A serial line that notes what was written."""

    def __init__(self) -> None:
        self.written = b""

    def start_log(self) -> None:
        pass

    def log(self) -> str:
        return "login: "

    def write(self, data: bytes) -> None:
        self.written += data

    def expect(self, pattern: bytes, *, deadline: float) -> bytes:  # noqa: ARG002 - the protocol's
        return b"login: "

    def close(self) -> None:
        pass


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    devices = (DeviceEntry(name="a", connect="local", model="m"),)
    with Farm.open(Inventory(1, f"sqlite:///{tmp_path / 'farm.db'}", devices)) as opened:
        yield opened


@pytest.fixture
def lease(farm: Farm) -> Iterator[Lease]:
    # A heartbeat comes minutes later: nothing but the act itself can notice that the lease has ended.
    with farm.lease({"name": "a"}, ttl=600.0, owner="ada@desk") as held:
        yield held


def test_no_act_passes_once_the_device_is_somebody_else_s(farm: Farm, lease: Lease) -> None:
    switch, line = Switch(), Line()
    power, console = LeasedPower(switch, lease), LeasedConsole(line, lease)
    power.switch(False)
    console.write(b"reboot\n")
    assert (switch.acts, line.written) == ([False], b"reboot\n")
    farm.release(lease.secret)
    with farm.lease({"name": "a"}, owner="bob@ci"):
        told = rf"on a \(token {lease.token}.* ended at .*bob@ci holds the device now"
        with pytest.raises(LeaseLost, match=told):
            power.switch(True)
        with pytest.raises(LeaseLost, match=told):
            console.write(b"halt\n")
    assert (switch.acts, line.written) == ([False], b"reboot\n")
    assert console.expect(b"login", deadline=1) == b"login: ", "what was said before may still be read"


def test_a_cycle_whose_lease_ends_while_the_power_is_off_leaves_the_rest_to_the_next_holder(
    farm: Farm, lease: Lease
) -> None:
    def sleep(_: float) -> None:
        farm.release(lease.secret)

    switch = Switch()
    with pytest.raises(LeaseLost):
        cycle(LeasedPower(switch, lease), off_for=5.0, sleep=sleep)
    assert switch.acts == [False]


def test_a_store_that_does_not_answer_does_not_stop_an_act(
    farm: Farm, lease: Lease, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It gives the device to nobody else before the lease's own end, which this process knows."""
    switch = Switch()

    def fail(_: str) -> None:
        raise StoreFailed("the disk is full")

    monkeypatch.setattr(farm._store, "holding", fail)
    LeasedPower(switch, lease).switch(True)
    assert switch.acts == [True]
    assert "a: not confirmed by the store: the disk is full" in caplog.text


def test_the_switch_of_an_entry(lease: Lease) -> None:
    assert power_of(lease) is None
    lease.device = lease.device.model_copy(update={"power": {"driver": "qmp", "board": "x"}})
    assert isinstance(power_of(lease), LeasedPower)
