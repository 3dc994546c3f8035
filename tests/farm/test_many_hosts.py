"""Devices on other hosts, each behind a jump host; a serial console at an RFC 2217 server: real ones throughout."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import tty
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ontarget.device_farm import tunnels
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import DeviceEntry, load
from ontarget.device_farm.ladder import climbing
from ontarget.device_farm.virtual_phone.behind import SHELL_USER
from ontarget.harness.errors import DeviceUnreachable, InfraError, UserError
from support.hosts import PROGRAMS, Network, network
from support.phones import phone_on
from support.plugin_runs import CALL, SAXPY, Desk
from support.waiting import eventually

CONSOLE_PORT = 4001
SER2NET = """
connection: &con
  accepter: telnet(rfc2217),tcp,127.0.0.1,{port}
  connector: serialdev(nouucplock=true),{line},115200n81,local
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("hosts") / "net") as made:
        yield made


@pytest.fixture
def own_hosts(tmp_path: Path) -> Iterator[Network]:
    """For a test that cuts cables."""
    with network(tmp_path / "net") as made:
        yield made


@pytest.fixture(scope="module")
def serial_server(hosts: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An RFC 2217 server on lab host a, at its loopback address only, of a serial line that echoes."""
    program = shutil.which("ser2net", path=f"{os.environ['PATH']}:{PROGRAMS}")
    if program is None:
        pytest.skip("needs ser2net: install the Debian package ser2net (see ci/system-packages)")
    config = tmp_path_factory.mktemp("ser2net") / "ser2net.yaml"
    board, line = os.openpty()
    tty.setraw(line)
    config.write_text(SER2NET.format(port=CONSOLE_PORT, line=os.ttyname(line)))
    threading.Thread(target=echo, args=(board,), daemon=True).start()
    hosts.labs["a"].run(program, "-n", "-c", str(config), wait=False)
    probe = f"exec 3<>/dev/tcp/127.0.0.1/{CONSOLE_PORT}"

    def listens() -> bool:
        done = subprocess.run(
            ["ip", "netns", "exec", hosts.labs["a"].namespace, "bash", "-c", probe], capture_output=True, check=False
        )
        return done.returncode == 0

    eventually(listens, "the RFC 2217 server")
    yield
    os.close(line)


def echo(board: int) -> None:
    with suppress(OSError):  # the line is closed
        while data := os.read(board, 1024):
            os.write(board, data)


def farm_file(hosts: Network, path: Path, **more: str) -> Path:
    """A farm of both devices; `more` are lines for device a."""
    text = "version = 1\n"
    for name, device in hosts.devices.items():
        text += f'[[device]]\nname = "{name}"\nmodel = "model-{name}"\nconnect = "ssh:root@{device.address}"\n'
        text += f'jump = "root@{hosts.labs[name].address}"\nhost_key = "{device.host_key}"\n'
        text += "".join(f"{key} = {value}\n" for key, value in more.items()) if name == "a" else ""
    path.write_text(text)
    return path


@pytest.fixture
def user(hosts: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is the user whom the hosts let in."""
    for name, value in hosts.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # in pyserial itself
@pytest.mark.usefixtures("user", "serial_server")
def test_a_device_behind_a_jump_host_and_its_console_behind_its_tunnel(hosts: Network, tmp_path: Path) -> None:
    lab = hosts.labs["a"]
    # A pseudo-terminal has no control lines.
    url = f"rfc2217://{lab.address}:{CONSOLE_PORT}?ign_set_control"
    path = farm_file(hosts, tmp_path / "farm.toml", console=f'"{url}"')
    with pytest.raises(OSError, match=r"refused|timed out"):  # nothing is in the open
        socket.create_connection((lab.address, CONSOLE_PORT), timeout=5)
    with Farm.open(load(path)) as farm, farm.lease({"name": "a"}) as lease, farm.connect(lease) as device:
        assert device.session.hello.uid == 0
        assert device.console is not None
        device.console.write(b"an echo\xff# ")
        assert device.console.expect(b"# ", deadline=30) == b"an echo\xff# "
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("tunnel")]
        assert threads
    eventually(lambda: not any(thread.is_alive() for thread in threads), "the end of the tunnel's threads")


@pytest.mark.usefixtures("user")
def test_a_port_where_nobody_listens_is_told(hosts: Network) -> None:
    entry = DeviceEntry(name="a", connect="local", jump=f"root@{hosts.labs['a'].address}")
    with pytest.raises(DeviceUnreachable, match=r"^a: its console at 127\.0\.0\.1 port 4999 is reached through SSH"):
        tunnels.console(entry, "rfc2217://127.0.0.1:4999")


@pytest.fixture(scope="module")
def phones(hosts: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Entries of phones on the lab host and on the host behind it, each at an adb server of its host's loopback."""
    folder = tmp_path_factory.mktemp("phones")
    lab, far = hosts.labs["b"], hosts.devices["b"]
    near, hidden = phone_on(lab, folder / "lab"), phone_on(far, folder / "far")
    return {
        "by-host": f'connect = "adb:{near}@{lab.address}"\n',
        "by-jump": f'connect = "adb:{near}"\njump = "root@{lab.address}"\n',
        "behind-jump": f'connect = "adb:{hidden}"\njump = "root@{lab.address},root@{far.address}"\n',
    }


ACCURATE = """
def test_saxpy(candidate, baseline, accuracy):
    accuracy.check(call, candidate, baseline, result="y", expected=EXPECTED, terms=2)
"""


def phones_file(phones: dict[str, str], path: Path, *names: str) -> Path:
    path.write_text(
        "version = 1\n" + "".join(f'[[device]]\nname = "{name}"\nmodel = "{name}"\n{phones[name]}' for name in names)
    )
    return path


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("name", ["by-host", "by-jump", "behind-jump"])
def test_a_phone_at_the_adb_server_of_another_host(
    hosts: Network, phones: dict[str, str], name: str, tmp_path: Path
) -> None:
    path = phones_file(phones, tmp_path / "farm.toml", name)
    with Farm.open(load(path)) as farm, farm.lease({"name": name}) as lease, farm.connect(lease) as device:
        assert device.session.hello.uid == SHELL_USER
        assert device.info.capabilities.machine_model == "ontarget Virtual Phone"
        with pytest.raises(OSError, match=r"refused|timed out"):  # nothing is in the open
            socket.create_connection((hosts.labs["b"].address, 5037), timeout=5)
        assert [thread for thread in threading.enumerate() if thread.name.startswith("tunnel")]
    eventually(lambda: not any(thread.name.startswith("tunnel") for thread in threading.enumerate()), "their end")


@pytest.mark.usefixtures("user")
def test_a_phone_whose_tunnel_ends_is_told_and_reached_again(
    hosts: Network, phones: dict[str, str], tmp_path: Path
) -> None:
    path = phones_file(phones, tmp_path / "farm.toml", "by-jump")
    with Farm.open(load(path)) as farm, farm.lease({"name": "by-jump"}) as lease, ExitStack() as ends:
        device = farm.connect(lease)
        ends.callback(device.close)
        hosts.labs["b"].hang_up()
        with pytest.raises(DeviceUnreachable, match=r"^by-jump: .*through SSH") as caught:
            device.conditions()
        back = climbing.recover(farm, lease, device, caught.value)
        ends.callback(back.close)
        assert back.conditions().load is not None


def test_a_run_on_phones_behind_jump_hosts(hosts: Network, phones: dict[str, str], tmp_path: Path) -> None:
    desk = Desk(tmp_path, tmp_path / "state", hosts.environment)
    phones_file(phones, desk.folder / "farm.toml", "by-jump", "behind-jump")
    desk.write("test_saxpy.py", CALL + ACCURATE)
    library = desk.library("saxpy", SAXPY)
    ran = desk.run(f"--candidate={library}", f"--baseline={library}")
    assert ran.status == 0, ran.output
    found = {(test["device"], test["model"], test["outcome"]) for test in ran.records()}
    assert found == {("by-jump", "by-jump", "pass"), ("behind-jump", "behind-jump", "pass")}


def test_what_would_cross_the_network_in_the_open_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """No SSH server takes us on the way: 192.0.2.1 is an address for examples (RFC 5737); 127.0.0.2 has none."""
    entry = DeviceEntry(name="a", connect="local", jump="root@127.0.0.2:1", console="rfc2217://lab1:4001")
    told = r'in the open, and that failed: .*jump = "\[user@\]host\[:port\]".*insecure = true'
    with pytest.raises(DeviceUnreachable, match=told):
        tunnels.console(entry, entry.console or "")
    with pytest.raises(InfraError, match=told):
        tunnels.console(DeviceEntry(name="a", connect="local"), "socket://no-such-host.invalid:4001")
    trusted = DeviceEntry(name="a", connect="local", insecure=True)
    assert tunnels.console(trusted, "rfc2217://lab1:4001")[0] == "rfc2217://lab1:4001"
    here = DeviceEntry(name="a", connect="local")
    for url in ("rfc2217://127.0.0.1:4001", "socket://localhost:1", "rfc2217://[::1]:4001", "/dev/ttyUSB0"):
        assert tunnels.console(here, url)[0] == url
    with pytest.raises(UserError, match="no host or port"):
        tunnels.console(here, "rfc2217://lab1")
    assert tmp_path.exists()


TEST = """
import time
from pathlib import Path

def test_it(device):
    device.conditions()
    Path(device.info.name).touch()
    while device.info.name == "a" and not Path("go").exists():
        time.sleep(0.01)
    device.conditions()

def test_next(device):
    device.conditions()
"""


@pytest.mark.parametrize("cable", ["to the lab host", "from there to the device"])
def test_a_host_that_is_cut_off_ends_its_tests_and_no_others(own_hosts: Network, tmp_path: Path, cable: str) -> None:
    desk = Desk(tmp_path, tmp_path / "state")
    farm_file(own_hosts, desk.folder / "farm.toml")
    desk.write("test_x.py", TEST)
    command = desk.command("--lease-ttl=30s", "--lease-wait=5s")
    environment = {**desk.environ(), **own_hosts.environment}
    environment.pop("SSH_AUTH_SOCK", None)
    with subprocess.Popen(
        command, cwd=desk.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            eventually(lambda: (desk.folder / "a").exists() or run.poll() is not None, "the first test", 120.0)
            (own_hosts.labs if cable == "to the lab host" else own_hosts.devices)["a"].cut()
            (desk.folder / "go").touch()
            output, _ = run.communicate(timeout=240)
        finally:
            if run.poll() is None:
                run.send_signal(signal.SIGKILL)
    assert run.returncode == 3, output
    tests = json.loads((desk.folder / "ontarget-results.json").read_text())["tests"]
    outcomes = {(test["model"], test["id"].partition("::")[2].partition("[")[0]): test["outcome"] for test in tests}
    assert outcomes == {
        ("model-a", "test_it"): "infra",
        ("model-a", "test_next"): "infra",
        ("model-b", "test_it"): "pass",
        ("model-b", "test_next"): "pass",
    }, output
    assert "a: " in next(test["message"] for test in tests if test["outcome"] == "infra")
