"""Packages of another architecture, fetched with the machine's own apt left as it is."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm import debian
from ontarget.harness.errors import InfraError

_APT_STATE = ("/var/lib/apt", "/var/lib/dpkg", "/var/cache/apt", "/etc/apt")
_NOWHERE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("debian")


def apt_state() -> dict[Path, tuple[int, int]]:
    files = (path for folder in _APT_STATE for path in (Path(folder), *Path(folder).rglob("*")))
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in files}


def test_a_library_for_another_architecture_comes_with_what_it_needs(cache: Path) -> None:
    before = apt_state()
    libraries = debian.libraries("libxnnpack0", "arm64", cache=cache)
    assert apt_state() == before
    names = {path.name for path in libraries.iterdir()}
    assert {"libXNNPACK.so.0", "libpthreadpool.so.0", "libcpuinfo.so.0"} <= names
    assert "libc.so.6" not in names
    assert (libraries / "libXNNPACK.so.0").read_bytes()[18] == 183  # e_machine: EM_AARCH64


def test_runs_at_once_fetch_the_same(cache: Path) -> None:
    code = "import sys; from pathlib import Path; from ontarget.device_farm import debian as d;"
    code += "print(d.library_tree('libcpuinfo0', 'arm64', cache=Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(cache)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {run.communicate(timeout=120)[0].strip() for run in runs}
    assert len(printed) == 1
    assert list(Path(printed.pop()).rglob("libcpuinfo.so.0"))


def test_what_a_killed_run_left_is_not_taken_for_whole(cache: Path) -> None:
    tree = debian.library_tree("libpthreadpool0", "arm64", cache=cache)
    wanted = {path.relative_to(tree) for path in tree.rglob("*")}
    tree.rename(tree.parent / ".unpacking")
    next((tree.parent / ".unpacking").rglob("*.so*")).unlink()
    again = debian.library_tree("libpthreadpool0", "arm64", cache=cache)
    assert {path.relative_to(again) for path in again.rglob("*")} == wanted


def test_an_unknown_package_is_named(cache: Path) -> None:
    with pytest.raises(InfraError, match="Unable to locate package libno-such-thing"):
        debian.fetch(["libno-such-thing"], "arm64", cache=cache)


def test_off_line_what_was_fetched_is_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    online = debian.library_tree("libcpuinfo0", "arm64", cache=cache)
    for variable, value in _NOWHERE.items():
        monkeypatch.setenv(variable, value)
    (cache / "apt-arm64" / "refreshed").unlink()
    assert debian.library_tree("libcpuinfo0", "arm64", cache=cache) == online


def test_off_line_with_nothing_fetched_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in _NOWHERE.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(InfraError, match="on line"):
        debian.fetch(["libcpuinfo0"], "arm64", cache=tmp_path)


def test_without_apt_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfraError, match="apt-get is not installed"):
        debian.fetch(["libcpuinfo0"], "arm64", cache=tmp_path)


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="arm64"):
        debian.fetch(["libcpuinfo0"], "aarch64", cache=tmp_path)


@given(st.lists(st.text("'/:._%+~ abc019\n", max_size=30)))
def test_lines_of_other_kinds_name_no_package(lines: list[str]) -> None:
    line = "'http://x/libb0_1%2bdeb_arm64.deb' libb0_1%3a1+deb_arm64.deb 12 SHA256:0"
    packages = debian.parse_uris("\n".join([*lines, line]))
    assert packages[-1] == debian.Package("libb0", "1:1+deb", "arm64", "libb0_1%3a1+deb_arm64.deb", 12)
