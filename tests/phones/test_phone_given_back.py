"""A phone behind a real adb server is read and made steady by its services, and given back after a kill."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.virtual_phone import VirtualPhone
from ontarget.harness.device import Device
from support.phones import HOST, AdbServer


@pytest.fixture
def farm_file(tmp_path: Path, adb_server: AdbServer, rooted_phone: VirtualPhone) -> Path:
    path = tmp_path / "farm.toml"
    path.write_text(
        f'version = 1\nstore = "sqlite:///{tmp_path / "leases.db"}"\n[[device]]\nname = "phone-9"\n'
        f'connect = "adb:{rooted_phone.serial}@{HOST}:{adb_server.port}"\n'
    )
    return path


def settings(device: Device) -> Mapping[str, str]:
    names = ("stay_on_while_plugged_in", "airplane_mode_on")
    return {name: device.runner.run(["settings", "get", "global", name]).stdout.decode().strip() for name in names}


STEADIES = """
import sys
from pathlib import Path
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
with Farm.open(load(Path(sys.argv[1]))) as farm, farm.lease({"name": "phone-9"}, ttl=2.0) as lease:
    with farm.connect(lease) as device:
        print(*[change.key for change in device.steady().made], flush=True)
        sys.stdin.read()
"""


def test_who_comes_next_gives_a_phone_back(farm_file: Path) -> None:
    with Farm.open(load(farm_file)) as farm:
        with farm.lease({"name": "phone-9"}) as lease, farm.connect(lease) as device:
            before = settings(device)
            told = device.conditions()
            assert told.battery_percent is not None
            assert told.temperature_c is not None
            assert told.throttled is not None
        run = subprocess.Popen(
            [sys.executable, "-c", STEADIES, str(farm_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert run.stdout is not None
        made = run.stdout.readline().split()
        run.send_signal(signal.SIGKILL)
        run.communicate()
        assert "fixed-performance-mode" in made
        assert "stay_on_while_plugged_in" in made
        with farm.lease({"name": "phone-9"}, wait=30.0) as lease, farm.connect(lease) as device:
            assert settings(device) == before
            fixed = device.runner.run(["sh", "-c", 'cat "$PHONE/state/fixed-performance"']).stdout
            assert fixed.strip() == b"false"
