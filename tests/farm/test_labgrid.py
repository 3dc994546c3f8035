"""An existing lab: a real labgrid coordinator and exporter, whose places are our devices."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ontarget.device_farm.errors import LeaseLost, NoSuchDevice, StoreFailed, UnsupportedStore, WaitRanOut
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import DeviceEntry, Inventory
from ontarget.device_farm.labgrid.entries import entry_of
from ontarget.device_farm.labgrid.lab import Place, Resource
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import DeviceState
from ontarget.device_farm.power import open_power
from ontarget.device_farm.power.protocols import PowerController
from support.labgrid import Coordinator, NoLabgrid, coordinator
from support.plugin_runs import CALL, SAXPY, Desk
from support.sshd import Sshd, running_sshd

HOLD = """
import sys
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import Inventory
with Farm.open(Inventory(1, sys.argv[1], ())) as farm, farm.lease({"name": "pi-1"}, ttl=1.0) as lease:
    print("held", flush=True)
    sys.stdin.read()
"""


class Switch(BaseHTTPRequestHandler):
    """A power port's REST interface, as labgrid's `rest` model of them has it."""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def switch() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Switch)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def lab(sshd: Sshd, switch: ThreadingHTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    resources = f"""\
pi-1:
  NetworkService: {{address: 127.0.0.1, username: {sshd.user}, port: {sshd.port}}}
  NetworkSerialPort: {{host: 127.0.0.1, port: 4001, protocol: raw}}
  NetworkPowerPort: {{model: rest, host: "http://127.0.0.1:{switch.server_port}/relay/{{index}}", index: 3}}
pi-2:
  NetworkService: {{address: 127.0.0.1, username: {sshd.user}, port: {sshd.port}}}
"""
    places = {"pi-1": "model: pi, rack: b2", "pi-2": "model: pi", "bare": ""}
    try:
        with coordinator(tmp_path_factory.mktemp("labgrid"), places, resources) as running:
            yield running
    except NoLabgrid as error:
        pytest.skip(f"no labgrid coordinator to test with: {error}")


@pytest.fixture
def environment(lab: Coordinator, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of a user whose ssh configuration knows the devices, as labgrid's users' does."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/config").write_text(f"Host 127.0.0.1\n  IdentityFile {sshd.key}\n")
    (home / ".ssh/known_hosts").write_text(sshd.known_hosts.read_text())
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "farm.toml").write_text(f'version = 1\nstore = "{lab.address}"\n')
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ONTARGET_", "CI_", "GITHUB_"))}
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> "Callable[..., subprocess.CompletedProcess[str]]":
    def ontarget(*words: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", "ontarget.device_farm.cli", *words]
        return subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return ontarget


@pytest.fixture
def farm(lab: Coordinator, environment: dict[str, str]) -> Iterator[Farm]:  # noqa: ARG001 - the state's place
    with Farm.open(Inventory(1, lab.address, ())) as opened:
        yield opened


def states(farm: Farm) -> dict[str, tuple[str, str | None]]:
    return {status.name: (str(status.state), status.holder) for status in farm.statuses()}


def test_from_reserve_to_release(lab: Coordinator, run: "Callable[..., subprocess.CompletedProcess[str]]") -> None:
    reserved = run("reserve", "rack=b2", "--for", "10m", "--json")
    assert reserved.returncode == 0, reserved.stderr
    record = json.loads(reserved.stdout)
    assert (record["device"], record["model"]) == ("pi-1", "pi")
    assert reserved.stderr.count("never expire") == 1, "what labgrid cannot promise is said, once"
    assert "bare of labgrid://" in reserved.stderr
    assert "+ontarget-" in lab.client("who")
    done = run("exec", "--lease", record["lease"], "--", "sh", "-c", "echo $0; exit 7", "over ssh")
    assert (done.returncode, done.stdout) == (7, "over ssh\n"), done.stderr
    assert run("reserve", "name=pi-1").returncode == 1
    assert run("release", record["lease"]).stdout == "released\n"
    assert "+ontarget-" not in lab.client("who")
    assert run("release", record["lease"]).stdout == "it had ended before\n"


def test_a_run_of_pytest_through_a_place(environment: dict[str, str], lab: Coordinator, tmp_path: Path) -> None:
    desk = Desk(tmp_path, tmp_path / "state", {"HOME": environment["HOME"]})
    library = desk.library("saxpy", SAXPY)
    desk.write(
        "test_saxpy.py",
        f"""{CALL}
def test_saxpy(candidate, accuracy, device):
    assert device.info.name == "pi-2"
    accuracy.check(call, candidate, result="y", expected=EXPECTED, terms=2)
""",
    )
    lab.client("-p", "pi-1", "acquire")
    try:
        ran = desk.run("--farm", "farm.toml", "--candidate", library)
    finally:
        lab.client("-p", "pi-1", "release")
    assert ran.status == 0, ran.output
    assert ran.outcomes() == [("accuracy", "pass")]
    assert ran.output.count("never expire") == 1
    assert "+ontarget-" not in lab.client("who")


def test_others_hold_places_and_give_them_back(lab: Coordinator, farm: Farm) -> None:
    lab.client("-p", "pi-1", "acquire")
    try:
        assert states(farm) == {"pi-1": ("leased", "desk/anna"), "pi-2": ("available", None)}
        with farm.lease({"model": "pi"}) as lease:
            assert lease.device.name == "pi-2"
        with pytest.raises(WaitRanOut, match="pi-1 is held by desk/anna"):
            farm.lease({"name": "pi-1"})
        said: list[str] = []

        def heard(line: str) -> None:
            said.append(line)
            lab.client("-p", "pi-1", "release")

        with farm.lease({"name": "pi-1"}, wait=60.0, progress=heard) as lease:
            lease.check()
            with pytest.raises(subprocess.CalledProcessError):
                lab.client("-p", "pi-1", "acquire")
        assert "held by desk/anna" in said[0]
    finally:
        subprocess.run([lab.programs / "labgrid-client", "-x", lab.target, "-p", "pi-1", "release", "-k"], check=False)


def test_a_killed_clients_place_comes_back(lab: Coordinator, farm: Farm, environment: dict[str, str]) -> None:
    argv = [sys.executable, "-c", HOLD, lab.address]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGKILL)
    assert "+ontarget-" in lab.client("who")
    with farm.lease({"name": "pi-1"}, wait=30.0) as lease:
        lease.check()
    assert "+ontarget-" not in lab.client("who")


def test_a_place_that_is_taken_away(lab: Coordinator, farm: Farm) -> None:
    secret = farm.acquire({"name": "pi-1"}, ttl=600.0).secret
    lab.client("-p", "pi-1", "release", "-k")
    with pytest.raises(LeaseLost, match="taken away at labgrid's coordinator"):
        farm.adopt(secret)
    assert states(farm)["pi-1"] == ("available", None)


def test_a_coordinator_that_restarts_forgets_its_holders(lab: Coordinator, farm: Farm) -> None:
    secret = farm.acquire({"name": "pi-2"}, ttl=600.0).secret
    lab.kill()
    with pytest.raises(StoreFailed, match=lab.target):
        farm.adopt(secret)
    lab.start()
    with pytest.raises(LeaseLost, match="its restart"):
        farm.adopt(secret)
    with farm.lease({"name": "pi-2"}) as lease:
        lease.check()


def test_power_goes_through_labgrid(
    lab: Coordinator, farm: Farm, switch: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONTARGET_LABGRID_CLIENT", str(lab.programs / "labgrid-client"))
    with farm.lease({"name": "pi-1"}) as lease:
        assert lease.device.console == "socket://127.0.0.1:4001"
        settings = dict(lease.device.power or {})
        driver = str(settings.pop("driver"))
        power = open_power("pi-1", driver, settings)
        assert isinstance(power, PowerController)
        power.switch(False)
        power.switch(True)
    assert switch.seen == [("/relay/3", b"0"), ("/relay/3", b"1")]  # type: ignore[attr-defined]


def test_what_is_wrong_with_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(UnsupportedStore, match="such as labgrid://"):
        open_store("labgrid://lab1")
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(UnsupportedStore, match=r"pip install 'ontarget\[labgrid\]'"):
        open_store("labgrid://127.0.0.1:1")


def test_a_device_that_is_no_place(lab: Coordinator, environment: dict[str, str]) -> None:  # noqa: ARG001
    listed = DeviceEntry(name="pi-9", connect="local")
    with pytest.raises(NoSuchDevice, match="no such place; it has: bare, pi-1, pi-2"):
        Farm.open(Inventory(1, lab.address, (listed,)))


def resource(kind: str, extra: dict[str, object] | None = None, **params: object) -> Resource:
    return Resource(("lab", "pi", kind, kind), params, extra or {})


PI = Place("pi", {"model": "raspberry-pi-4b", "rack": "b2", "name": "other"}, (), holder="desk/anna+ontarget-1")
SSH = resource("NetworkService", address="10.0.0.5", username="pi", port=22)


def test_resources_as_an_entry() -> None:
    hidden = resource("NetworkService", {"proxy": "lab1", "proxy_required": True}, address="fd00::5", username="pi")
    serial = resource("NetworkSerialPort", host="lab1", port=4001)
    entry = entry_of(PI, [hidden, serial, resource("TasmotaPowerPort")], "c:20408")
    assert isinstance(entry, DeviceEntry)
    assert entry.connect == "ssh:pi@[fd00::5]"
    assert (entry.jump, entry.console, entry.model) == ("lab1", "rfc2217://lab1:4001", "raspberry-pi-4b")
    assert entry.tags == {"rack": "b2"}
    assert dict(entry.power or {}) == {
        "driver": "labgrid",
        "coordinator": "c:20408",
        "place": "pi",
        "holder": PI.holder,
    }


def test_the_farm_file_goes_before_what_labgrid_says() -> None:
    listed = DeviceEntry(name="pi", connect="adb:123", model="pixel", tags={"rack": "c1", "desk": "3"})
    entry = entry_of(PI, [SSH], "c:20408", listed)
    assert isinstance(entry, DeviceEntry)
    assert (entry.connect, entry.model, entry.kind) == ("adb:123", "pixel", "phone")
    assert entry.tags == {"rack": "c1", "desk": "3"}


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ([], "it has no NetworkService"),
        ([resource("NetworkSerialPort", host="lab1", port=None)], "it has no NetworkService"),
        ([resource("NetworkService", address="a b", username="pi")], "connect"),
    ],
)
def test_places_that_are_no_devices(resources: list[Resource], why: str) -> None:
    said = entry_of(PI, resources, "c:20408")
    assert isinstance(said, str)
    assert why in said


def test_a_quarantined_device_stays_so_whatever_labgrid_says(lab: Coordinator, farm: Farm) -> None:
    store = open_store(lab.address)
    try:
        store.set_state("pi-2", DeviceState.QUARANTINED, "broken cable", "anna")
        assert states(farm)["pi-2"] == ("quarantined", None)
        lab.client("-p", "pi-2", "acquire")
        lab.client("-p", "pi-2", "release")
        assert states(farm)["pi-2"] == ("quarantined", None)
    finally:
        store.close()
