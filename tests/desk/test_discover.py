"""`ontarget discover`: devices that are there become entries of a farm.toml."""

from pathlib import Path

import pytest

from ontarget.device_farm import discovery
from ontarget.device_farm.discovery import Found
from ontarget.device_farm.errors import BadInventory
from ontarget.device_farm.inventory import load
from support.commands import CommandLine

PI = Found("ssh:pi@10.0.0.5", "raspberry-pi-4b", "raspberry-pi", "aarch64", "Cortex-A72")


def test_what_is_found_is_written_once_and_can_be_used(desk: CommandLine) -> None:
    done = desk.run("discover", "--on", "local", "--on", "ssh:127.0.0.1:1", "--write")
    assert done.returncode == 3
    assert "ssh:127.0.0.1:1 could not be asked" in done.stderr
    (device,) = load(desk.folder / "farm.toml").devices
    assert (device.connect, device.profile) == ("local", "local")
    again = desk.run("discover", "--on", "local", "--write")
    assert again.returncode == 0
    assert len(load(desk.folder / "farm.toml").devices) == 1
    assert desk.run("exec", device.name, "--", "true").returncode == 0


def test_devices_of_one_model_get_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "farm.toml"
    other = Found("adb:R58M12", 'SM-A52"5G"', "android", "arm64-v8a")
    entries = discovery.entries([PI, Found("ssh:x", problem="refused"), PI, other], ["raspberry-pi-4b"])
    discovery.write(path, [text for name, text in entries.items() if name != "raspberry-pi-4b-3"])
    assert [(device.name, device.model) for device in load(path).devices] == [
        ("raspberry-pi-4b-2", "raspberry-pi-4b"),
        ("SM-A52-5G", 'SM-A52"5G"'),
    ]


def test_a_farm_file_that_would_not_be_one_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "farm.toml"
    path.write_text("version = 1\n")
    with pytest.raises(BadInventory):
        discovery.write(path, ["[[device]]\nname = 7\n"])
    assert path.read_text() == "version = 1\n"
    assert [found.name for found in tmp_path.iterdir()] == ["farm.toml"]
