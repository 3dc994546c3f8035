"""Farms of real devices: this machine, and a virtual board."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.device_farm import boards
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import entries_from_words, load
from ontarget.device_farm.reach import board_name
from ontarget.harness.device import Clock
from ontarget.harness.errors import Fenced
from support import lease_client
from support.boards import state_home

BOARD = "virtual-cortex-a53"


@pytest.fixture
def own_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ONTARGET_ROOT", str(tmp_path / "root"))
    with Farm.open(entries_from_words(["local", "local", "ssh:127.0.0.1:1"])) as farm:
        yield farm


def test_devices_are_asked_once_what_they_are(own_farm: Farm) -> None:
    said: list[str] = []
    models = own_farm.models(said.append)
    assert [names for names in models.values() if "local" in names] == [["local", "local#2"]]
    assert list(own_farm.missing) == ["ssh:127.0.0.1:1"]
    assert [line for line in said if line.startswith("asking local")] == [
        "asking local what it is",
        "asking local#2 what it is",
    ]
    said.clear()
    assert own_farm.models(said.append) == models
    assert said == ["asking ssh:127.0.0.1:1 what it is"]
    assert own_farm.status("local").facts["capabilities"]["memory_bytes"] > 0
    with own_farm.lease({"abi": own_farm.status("local").facts["abi"]}) as lease:
        assert lease.device.model in models


def test_two_devices_on_one_machine_leave_each_other_alone(own_farm: Farm) -> None:
    with own_farm.lease({"name": "local"}) as one, own_farm.lease({"name": "local#2"}) as other:
        first, second = own_farm.connect(one), own_farm.connect(other)
        try:
            assert first.session.read_file("/proc/version")
            assert second.session.read_file("/proc/version")
        finally:
            second.close()
            first.close()


def test_the_device_itself_refuses_an_older_lease(own_farm: Farm) -> None:
    older = own_farm.lease({"name": "local"})
    late = own_farm.connect(older)
    own_farm.release(older.secret)
    with own_farm.lease({"name": "local"}) as newer, own_farm.connect(newer):
        with pytest.raises(Fenced, match=f"token {newer.token}"):
            late.session.read_file("/proc/version")
        late.close()
    older.release()


def test_a_board_left_by_a_killed_run_is_taken_over_and_stopped(tmp_path: Path, boards_home: Path) -> None:
    path = tmp_path / "farm.toml"
    path.write_text(f'version = 1\n[[device]]\nname = "a53"\nconnect = "board:{BOARD}"\n')
    with state_home(boards_home), Farm.open(load(path)) as farm:
        name = board_name(farm.inventory.devices[0], farm.store_id, own_store=False)
        with subprocess.Popen(
            [sys.executable, lease_client.__file__, str(path), "connect", "a53"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == f"connected {BOARD}\n"
            killed.kill()
        left = boards.find(name)
        assert left is not None
        process = left.pid
        with farm.lease({"cpu": "cortex-a53"}, wait=30.0) as lease:
            device = farm.connect(lease)
            try:
                found = boards.find(name)
                assert found is not None
                assert found.pid == process, "it is the same one, still up"
                assert device.info.clock is Clock.INSTRUCTIONS
                assert device.console is not None
                device.console.write(b"\n")
            finally:
                device.close()
        assert boards.find(name) is None
        assert farm.status("a53").facts["abi"] == "aarch64"
