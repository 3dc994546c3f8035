"""A device with a real agent, on this machine and behind a real SSH server."""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ontarget.harness import deploy as deploying
from ontarget.harness.abi import Abi
from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import Fence
from ontarget.harness.builds import Build, parse_build
from ontarget.harness.device import Clock, Device
from ontarget.harness.digests import DigestCache
from ontarget.harness.errors import InfraError, MissingDependency, MissingFile, UntimedDevice
from ontarget.harness.transports.local import LocalTransport
from support.agents import compile_library
from support.sshd import Sshd

TWICE = "int twice(int x) { return 2 * x; }"
THRICE = "int twice(int x); int thrice(int x) { return twice(x) + x; }"
CALL = "int thrice(int x);"
tokens = itertools.count(1)

Opener = Callable[..., Device]


@pytest.fixture
def root() -> Iterator[Path]:
    """A deploy root that unprivileged processes can read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def digests(tmp_path: Path) -> DigestCache:
    return DigestCache(tmp_path / "digests.json", clock=lambda: time.time() + 60)


@pytest.fixture(params=["local", "ssh"])
def opened(request: pytest.FixtureRequest, root: Path, digests: DigestCache, sshd: Sshd) -> Iterator[Opener]:
    """Opens the same device, again and again, as later runs do."""
    devices: list[Device] = []

    def again(clock: Clock | None = None) -> Device:
        local = request.param == "local"
        device = Device.open(
            LocalTransport("unit-7") if local else sshd.connect("unit-7"),
            name="unit-7",
            kind="local" if local else "board",
            fence=Fence("test", next(tokens)),
            clock=clock,
            root=str(root),
            digests=digests,
        )
        devices.append(device)
        return device

    yield again
    for device in devices:
        device.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libthrice, which needs libtwice, which is beside it."""
    folder = tmp_path_factory.mktemp("libraries")
    twice = compile_library(TWICE, folder / "libtwice.so.1")
    compile_library(THRICE, folder / "libthrice.so.1", flags=[str(twice)])
    return folder


@pytest.fixture(scope="module")
def build(folder: Path) -> Build:
    return parse_build([str(folder)], "candidate", "libthrice.so.1")


class Sent:
    """Progress of a deployment: which files went, and how much of each."""

    def __init__(self) -> None:
        self.bytes: dict[str, int] = {}

    def __call__(self, name: str, done: int, size: int) -> None:
        assert self.bytes.get(name, 0) < done <= size
        self.bytes[name] = done


def thrice(library: Process) -> object:
    return library.call(CALL, "thrice", 7)


def test_a_device_is_probed(opened: Opener) -> None:
    info = opened().info
    assert info.name == "unit-7"
    assert info.model in ("local", f"unknown-{info.abi}")
    assert (info.model == "local") == (info.kind == "local")
    assert info.clock is Clock.TIME
    assert len(info.capabilities.cores) == psutil.cpu_count()
    assert info.capabilities.memory_bytes == psutil.virtual_memory().total
    assert info.capabilities.isa_features


def test_conditions_are_read(opened: Opener) -> None:
    device = opened()
    first, second = device.conditions(), device.conditions()
    assert first.load is not None
    assert first.governor == second.governor


def test_a_library_travels_with_its_dependency_and_runs(opened: Opener, build: Build, folder: Path) -> None:
    device = opened()
    sent = Sent()
    deployed = device.deploy(build, progress=sent)
    assert deployed.label == "candidate"
    assert sent.bytes == {name: (folder / name).stat().st_size for name in ("libthrice.so.1", "libtwice.so.1")}
    library = deployed.launch()
    assert thrice(library) == 21
    library.close()


def test_what_the_device_has_is_not_sent_again(opened: Opener, build: Build) -> None:
    opened().deploy(build)
    sent = Sent()
    device = opened()
    deployed = device.deploy(build, progress=sent)
    assert sent.bytes == {}
    assert thrice(deployed.launch()) == 21


def test_only_the_changed_file_is_sent(opened: Opener, folder: Path, tmp_path: Path, build: Build) -> None:
    device = opened()
    baseline = device.deploy(build)
    (tmp_path / "libthrice.so.1").write_bytes((folder / "libthrice.so.1").read_bytes())
    compile_library(TWICE.replace("2", "4"), tmp_path / "libtwice.so.1")
    sent = Sent()
    candidate = device.deploy(parse_build([str(tmp_path)], "candidate", "libthrice.so.1"), progress=sent)
    assert list(sent.bytes) == ["libtwice.so.1"]
    assert candidate.files.digest != baseline.files.digest
    # Two builds of one name, each in a process with its own dependency.
    assert (thrice(baseline.launch()), thrice(candidate.launch())) == (21, 35)


def test_a_missing_dependency_is_named(opened: Opener, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "libthrice.so.1").write_bytes((folder / "libthrice.so.1").read_bytes())
    deployed = opened().deploy(parse_build([str(tmp_path / "libthrice.so.1")], "candidate"))
    with pytest.raises(MissingDependency, match=r"unit-7: .*libtwice\.so\.1"):
        deployed.launch()


def test_a_build_for_another_abi_is_refused_before_it_travels(opened: Opener, build: Build) -> None:
    with pytest.raises(MissingFile, match="unit-7: expected a baseline built for x86_64"):
        opened().deploy(Build("baseline", {Abi.ARMHF: build.files[Abi.X86_64]}))


def test_a_fresh_agent_after_the_old_one_was_killed(opened: Opener, build: Build, root: Path) -> None:
    device = opened()
    deployed = device.deploy(build)
    for process in psutil.process_iter(["cmdline"]):
        if str(root) in " ".join(process.info["cmdline"] or ()) and "serve" in process.info["cmdline"]:
            process.kill()
    with pytest.raises(InfraError, match="unit-7"):
        deployed.launch()
    device.restart_agent()
    assert thrice(deployed.launch()) == 21


def test_builds_that_are_in_use_stay_when_others_are_cleaned_away(
    opened: Opener, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().deploy(parse_build([str(compile_library("int old;", tmp_path / "libold.so"))], "candidate"))
    monkeypatch.setattr(deploying, "BYTES_MOST", 0)
    device = opened()
    baseline = device.deploy(build)
    device.deploy(parse_build([str(compile_library("int new;", tmp_path / "libnew.so"))], "candidate"))
    assert thrice(baseline.launch()) == 21
    sent = Sent()
    device.deploy(parse_build([str(tmp_path / "libold.so")], "candidate"), progress=sent)
    assert list(sent.bytes) == ["libold.so"]


def test_an_emulator_that_runs_freely_is_not_timed(opened: Opener) -> None:
    opened(Clock.TIME).require_timing()
    opened(Clock.INSTRUCTIONS).require_timing()
    with pytest.raises(UntimedDevice, match=r"unit-7: .*emulator"):
        opened(Clock.NONE).require_timing()


@pytest.mark.parametrize("opened", ["ssh"], indirect=True)
def test_a_deployment_cut_off_at_any_piece_leaves_nothing_that_looks_whole(
    opened: Opener, sshd: Sshd, tmp_path: Path
) -> None:
    library = compile_library(TWICE, tmp_path / "libbig.so")
    library.write_bytes(library.read_bytes() + bytes(2 << 20))
    build = parse_build([str(library)], "candidate")
    size = library.stat().st_size

    class CutOff(Sent):
        def __init__(self, after: int) -> None:
            super().__init__()
            self.after = after

        def __call__(self, name: str, done: int, size: int) -> None:
            super().__call__(name, done, size)
            if done >= self.after:
                sshd.kill_sessions()

    device = opened()
    for after in (1, size // 2):
        with pytest.raises(InfraError, match="unit-7"):
            device.deploy(build, progress=CutOff(after))
        device.restart_agent()
    with suppress(InfraError):  # after the last piece the answer may be here already
        device.deploy(build, progress=CutOff(size))
    device.restart_agent()
    sent = Sent()
    deployed = device.deploy(build, progress=sent)
    assert sent.bytes.get(library.name, size) == size
    assert deployed.launch().call("int twice(int x);", "twice", 4) == 8
