"""Phones as devices of a farm, and as those of a run of pytest."""

import hashlib
from pathlib import Path

import pytest

from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.virtual_phone import VirtualPhone
from ontarget.device_farm.virtual_phone.answers import FINGERPRINT
from ontarget.device_farm.virtual_phone.behind import SHELL_USER
from ontarget.harness.agent.build import host_abi
from ontarget.harness.device import Clock
from ontarget.harness.metrics.identity import system_of
from support.phones import HOST, AdbServer
from support.plugin_runs import Desk


@pytest.fixture
def farm_file(adb_server: AdbServer, rooted_phone: VirtualPhone, tmp_path: Path) -> Path:
    path = tmp_path / "farm.toml"
    path.write_text(
        f'version = 1\nstore = "sqlite:///{tmp_path / "leases.db"}"\n[[device]]\nname = "phone-7"\n'
        f'connect = "adb:{rooted_phone.serial}@{HOST}:{adb_server.port}"\n'
    )
    return path


def test_what_a_phone_is(farm_file: Path) -> None:
    with Farm.open(load(farm_file)) as farm, farm.lease({"name": "phone-7"}) as lease, farm.connect(lease) as device:
        known = device.info.capabilities
        assert (device.info.kind, device.info.model) == ("phone", "ontarget-virtual-phone")
        assert (known.machine_model, known.soc, known.os) == ("ontarget Virtual Phone", "virt", "Android 12 (API 31)")
        assert known.fingerprint == FINGERPRINT
        assert FINGERPRINT in system_of(device)  # after a system update a new history begins
        assert known.abis == (str(host_abi()),)
        assert (device.info.clock, device.session.hello.uid) == (Clock.TIME, SHELL_USER)
        assert device.profile.name == "android"


def test_nothing_stored_survives_a_change_of_the_leases_owner(farm_file: Path, tmp_path: Path) -> None:
    """The code under test runs as the user who owns the files: it could have changed them."""
    file = tmp_path / "lib.so"
    file.write_bytes(b"of ada")
    digest = hashlib.sha256(b"of ada").hexdigest()
    found = []
    with Farm.open(load(farm_file)) as farm:
        for owner in ("ada", "ada", "bob", "ada"):
            with farm.lease({"name": "phone-7"}, owner=owner) as lease, farm.connect(lease) as device:
                listed = device.runner.run(["ls", "-R", device.session.root]).stdout
                assert (digest.encode() in listed) == (device.session.stat_file(digest, "lib.so") is not None)
                found.append(device.session.stat_file(digest, "lib.so"))
                if found == [None]:
                    device.session.store_file(file, digest, "lib.so")
    assert found == [None, 6, None, None]


TEST = """
def test_it(device):
    device.runner.run(["log", "-p", "e", "-t", "libX", "the DSP said no"])
    device.runner.run(["log", "-b", "crash", "-p", "f", "-t", "DEBUG", "signal 11 (SIGSEGV), code 1 (SEGV_MAPERR)"])
    assert False, "as it should"

def test_good(device):
    device.runner.run(["log", "-t", "libX", "all is well"])
"""


def test_a_failure_has_the_phones_log_of_its_time(farm_file: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path, tmp_path / "state")
    desk.write("test_x.py", TEST)
    ran = desk.run(f"--farm={farm_file}", "--alluredir=allure", "-rA")
    assert ran.status == 1, ran.output
    _, *logs = ran.output.split(" phone log ")
    assert len(logs) == 1, ran.output  # the other test passed
    (log,) = logs
    assert " E libX: the DSP said no" in log
    assert "F DEBUG: signal 11 (SIGSEGV)" in log
    assert f"[/data/tombstones is closed to uid {SHELL_USER}" in log
    attached = [path.read_text() for path in (tmp_path / "allure").glob("*attachment*")]
    assert sum(" E libX: the DSP said no" in text for text in attached) == 1
