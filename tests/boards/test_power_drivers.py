"""Every power driver against one contract: what it takes, what it refuses, and that it switches what it is given."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm import boards, power
from ontarget.device_farm.inventory import load
from ontarget.device_farm.power.protocols import Cycler, Power, PowerController
from ontarget.device_farm.power.uhubctl import power_state
from ontarget.harness.errors import AuthenticationFailed, InfraError, UserError
from support.phones import AdbServer, adb_server, running_phone
from support.relays import PASSWORD, USER, Kind, Relay, serving, shelly_gen1, shelly_gen2, tasmota, tasmota_of_one

__all__ = ["adb_server"]

# What each driver needs at least; a new driver adds its line here.
SETTINGS: dict[str, dict[str, object]] = {
    "adb": {"serial": "R58M12ABCDE"},
    "command": {"on": ["pdu", "on"], "off": ["pdu", "off"]},
    "labgrid": {"coordinator": "lab1:20408", "place": "pi4-03", "holder": "host/user"},
    "qmp": {"board": "switched"},
    "shelly": {"host": "10.0.0.8"},
    "tasmota": {"host": "10.0.0.9"},
    "uhubctl": {"hub": "1-1", "port": 2},
}
# A USB hub's switch as uhubctl 2.5 shows it (its README), with one port of two that obeys.
UHUBCTL = """\
#!/bin/sh
echo "$@" >> {log}
[ "$6" = on ] && word='0100 power' || word='0000 off'
[ -e {stuck} ] && word='0100 power'
echo "Current status for hub $2 [2109:2817 VIA Labs USB2.0 Hub, USB 2.10, 4 ports, ppps]"
echo '  Port 2: 0503 power highspeed enable connect [18d1:4ee7 Google Pixel]'
echo 'Sent power request'
echo "New status for hub $2 [2109:2817 VIA Labs USB2.0 Hub, USB 2.10, 4 ports, ppps]"
echo "  Port 2: $word"
"""
PDU = """
import sys
from pathlib import Path
state, word = Path(sys.argv[1]), sys.argv[2]
if word == "fail":
    sys.exit("outlet 3 is locked")
state.write_text(word)
"""


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that drivers run, and a home without passwords."""
    monkeypatch.setenv("ONTARGET_LABGRID_CLIENT", "labgrid-client")
    hub = tmp_path / "bin" / "uhubctl"
    hub.parent.mkdir()
    hub.write_text(UHUBCTL.format(log=tmp_path / "hub.log", stuck=tmp_path / "stuck"))
    hub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{hub.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.mark.parametrize("driver", power.drivers())
def test_a_driver_opens_with_its_settings_and_refuses_others(driver: str) -> None:
    settings = SETTINGS[driver]
    assert isinstance(power.open_power("pi4-03", driver, settings), PowerController | Cycler)
    with pytest.raises(UserError, match=r"pi4-03: .*colour"):
        power.open_power("pi4-03", driver, {**settings, "colour": "red"})
    for name in settings:
        with pytest.raises(UserError, match=rf"pi4-03: .*{name}"):
            power.open_power("pi4-03", driver, {key: value for key, value in settings.items() if key != name})
        with pytest.raises(UserError, match=rf"pi4-03: .*{name}"):
            power.open_power("pi4-03", driver, {**settings, name: 0.5})


def test_an_unknown_driver_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UserError, match=r"pi4-03: no power driver 'lever'; there are: .*qmp.*uhubctl"):
        power.open_power("pi4-03", "lever", {})


@dataclass
class Switch:
    """An opened switch, and how to see whether it is on."""

    power: Power
    is_on: Callable[[], bool]


@contextmanager
def http(driver: str, kind: Kind, password: bool, tmp_path: Path) -> Iterator[Switch]:
    relay = Relay(password=password)
    if password:
        netrc = tmp_path / ".netrc"
        netrc.write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n')
        netrc.chmod(0o600)
    with serving(kind, relay) as host:
        yield Switch(power.open_power("unit", driver, {"host": host}), lambda: relay.on)


@contextmanager
def command(tmp_path: Path) -> Iterator[Switch]:
    program, state = tmp_path / "pdu.py", tmp_path / "outlet"
    program.write_text(PDU)
    argv = [sys.executable, str(program), str(state)]
    settings = {"on": [*argv, "on"], "off": [*argv, "off"]}
    yield Switch(power.open_power("unit", "command", settings), lambda: state.read_text() == "on")


@contextmanager
def hub(tmp_path: Path) -> Iterator[Switch]:
    log = tmp_path / "hub.log"
    switch = power.open_power("unit", "uhubctl", {"hub": "1-1.4", "port": 2})
    yield Switch(switch, lambda: "-l 1-1.4 -p 2 -a on " in log.read_text().splitlines()[-1])


SWITCHES: dict[str, Callable[[Path], AbstractContextManager[Switch]]] = {
    "shelly, first generation": lambda path: http("shelly", shelly_gen1, False, path),
    "shelly, first generation, with a password": lambda path: http("shelly", shelly_gen1, True, path),
    "shelly, second generation": lambda path: http("shelly", shelly_gen2, False, path),
    "shelly, second generation, with a password": lambda path: http("shelly", shelly_gen2, True, path),
    "tasmota with several relays": lambda path: http("tasmota", tasmota, False, path),
    "tasmota with one relay and a password": lambda path: http("tasmota", tasmota_of_one, True, path),
    "command": command,
    "uhubctl": hub,
}


@pytest.mark.parametrize("kind", SWITCHES)
def test_a_switch_is_off_after_off_and_on_after_on_however_often(kind: str, tmp_path: Path) -> None:
    with SWITCHES[kind](tmp_path) as opened:
        assert isinstance(opened.power, PowerController)
        seen = []
        for on in (False, False, True, True, False):
            opened.power.switch(on)
            seen.append(opened.is_on())
        assert seen == [False, False, True, True, False]
        power.cycle(opened.power, off_for=5.0, sleep=lambda seconds: seen.append(opened.is_on()) if seconds else None)
        assert (seen[-1], opened.is_on()) == (False, True)


@pytest.mark.parametrize(("driver", "kind"), [("shelly", shelly_gen1), ("shelly", shelly_gen2), ("tasmota", tasmota)])
def test_a_relay_that_does_not_obey_is_told(driver: str, kind: Kind) -> None:
    with serving(kind, Relay(stuck=True)) as host:
        opened = power.open_power("unit", driver, {"host": host})
        assert isinstance(opened, PowerController)
        with pytest.raises(InfraError, match=rf"unit: .*{host}.*(off|OFF)"):
            opened.switch(False)


@pytest.mark.parametrize(("driver", "kind"), [("shelly", shelly_gen1), ("shelly", shelly_gen2), ("tasmota", tasmota)])
@pytest.mark.parametrize("given", [None, "guess"])
def test_a_relay_that_wants_another_password_says_where_to_put_it(
    driver: str, kind: Kind, given: str | None, tmp_path: Path
) -> None:
    if given is not None:
        (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login admin password {given}\n")
    with serving(kind, Relay(password=True)) as host:
        opened = power.open_power("unit", driver, {"host": host})
        assert isinstance(opened, PowerController)
        with pytest.raises(AuthenticationFailed, match=r"unit: .*netrc.*machine 127\.0\.0\.1 login") as refused:
            opened.switch(False)
    assert "guess" not in str(refused.value)


def test_another_relay_than_the_entry_says_is_told() -> None:
    with serving(tasmota, Relay()) as host:
        opened = power.open_power("unit", "shelly", {"host": host})
        assert isinstance(opened, PowerController)
        with pytest.raises(InfraError, match=r"unit: .*answered with status 404"):
            opened.switch(True)


@pytest.mark.parametrize("driver", ["shelly", "tasmota"])
def test_a_relay_that_is_not_there(driver: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    opened = power.open_power("unit", driver, {"host": host})
    assert isinstance(opened, PowerController)
    with pytest.raises(InfraError, match=rf"unit: its power relay http://{host}.* cannot be reached"):
        opened.switch(True)


@pytest.mark.parametrize("host", ["", "a/b", "http://10.0.0.8", "10.0.0.8?x", "user@10.0.0.8"])
def test_a_host_is_a_host(host: str) -> None:
    with pytest.raises(UserError, match=r"unit: .*expected HOST or HOST:PORT"):
        power.open_power("unit", "shelly", {"host": host})


def test_a_command_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "pdu.py").write_text(PDU)
    argv = [sys.executable, str(tmp_path / "pdu.py"), str(tmp_path / "outlet"), "fail"]
    opened = power.open_power("unit", "command", {"cycle": argv})
    assert isinstance(opened, Cycler)
    with pytest.raises(InfraError, match=r"unit: .*ended with status 1: outlet 3 is locked"):
        power.cycle(opened, off_for=5.0)
    opened = power.open_power("unit", "command", {"cycle": [str(tmp_path / "none")]})
    with pytest.raises(InfraError, match=r"unit: .*none.*cannot be run"):
        power.cycle(opened, off_for=5.0)
    with pytest.raises(UserError, match=r"unit: .*`on` and `off`, or `cycle` alone"):
        power.open_power("unit", "command", {"cycle": argv, "on": argv, "off": argv})


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    stays = ["sh", "-c", "echo $$ > pid; exec sleep 600"]
    opened = power.open_power("unit", "command", {"cycle": ["env", "-C", str(tmp_path), *stays], "seconds": 0.5})
    with pytest.raises(InfraError, match=r"unit: .*took over 0\.5 s"):
        power.cycle(opened, off_for=5.0)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_a_hub_whose_port_stays_on_is_told(tmp_path: Path) -> None:
    (tmp_path / "stuck").touch()
    opened = power.open_power("unit", "uhubctl", SETTINGS["uhubctl"])
    assert isinstance(opened, PowerController)
    with pytest.raises(InfraError, match=r"unit: expected port 2 of hub 1-1 to be off.*does this hub switch power"):
        opened.switch(False)


def test_a_phone_is_restarted_through_its_adb_server(adb_server: AdbServer, tmp_path: Path) -> None:
    with running_phone(tmp_path) as phone:
        adb_server.transport(phone).close()  # it is known there
        host = adb_server.address(phone)
        settings = {"serial": host.serial, "server": f"{host.host}:{host.port}"}
        power.cycle(power.open_power("phone-7", "adb", settings), off_for=5.0)
        assert phone.reboots == 1
    with pytest.raises(InfraError, match="phone-7: "):
        power.cycle(power.open_power("phone-7", "adb", {**settings, "serial": "nobody"}), off_for=5.0)


@given(st.text(), st.integers(1, 20))
def test_whatever_uhubctl_says_is_read_without_harm(said: str, port: int) -> None:
    assert power_state(said, port) in (True, False, None)
    assert power_state(f"{said}\nNew status for hub\n  Port {port}: 0000 off\n", port) is False


def test_a_farm_file_names_commands_as_lists(tmp_path: Path) -> None:
    path = tmp_path / "farm.toml"
    path.write_text(
        'version = 1\n[[device]]\nname = "a"\nconnect = "local"\n'
        'power = { driver = "command", on = ["pdu", "on"], off = ["pdu", "off"], seconds = 2.5 }\n'
    )
    settings = dict(load(path).devices[0].power or {})
    assert isinstance(power.open_power("a", str(settings.pop("driver")), settings), PowerController)


@pytest.mark.parametrize("on", [True, False])
def test_a_board_that_was_never_up_cannot_be_switched(on: bool) -> None:
    opened = power.open_power("never", "qmp", {"board": "never"})
    assert isinstance(opened, PowerController)
    with pytest.raises(UserError, match="no board named 'never'"):
        opened.switch(on)


def test_the_time_to_boot_can_be_given() -> None:
    assert power.open_power("b", "qmp", {"board": "b", "boot": 7.5}) != power.open_power("b", "qmp", {"board": "b"})
    assert boards.BOOT_DEADLINE > 7.5
