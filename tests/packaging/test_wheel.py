"""What `pip install .` puts into site-packages."""

import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from ontarget.harness.abi import Abi
from ontarget.harness.agent import build
from ontarget.harness.elf import read
from ontarget.harness.metrics import reference

ROOT = Path(__file__).parents[2]
CODE_FOLDERS = ("harness", "device_farm", "fixtures", "suites")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel that is built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, cwd=folder)
    (wheel,) = folder.glob("ontarget-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_nothing_else_is_at_the_top(files: set[str]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ontarget"}


def test_every_module_travels_and_no_other(files: set[str]) -> None:
    expected = {f"ontarget/{path.relative_to(ROOT)}" for top in CODE_FOLDERS for path in (ROOT / top).rglob("*.py")}
    expected |= {"ontarget/__init__.py", "ontarget/version.py"}
    assert {name for name in files if name.endswith(".py")} == expected


def test_the_agents_sources_and_the_layer_tables_travel(files: set[str]) -> None:
    sources = (ROOT / "harness" / "agent" / "src").iterdir()
    assert {f"ontarget/harness/agent/src/{path.name}" for path in sources} <= files
    assert "ontarget/suites/layers/layers.json" in files
    assert "ontarget/suites/bindings/xnnpack/xnnpack_2026.h" in files
    assert "ontarget/suites/bindings/onednn/dnnl.h" in files
    assert "ontarget/device_farm/templates/binding.py.in" in files
    assert "ontarget/device_farm/database/migrations/versions/0001_leases.sql" in files


def test_the_farms_pages_travel_with_their_charts_and_licence(files: set[str]) -> None:
    web = ROOT / "device_farm" / "web"
    expected = {path for folder in ("templates", "static") for path in (web / folder).iterdir()}
    assert {f"ontarget/{path.relative_to(ROOT)}" for path in expected} <= files
    assert "ontarget/device_farm/web/static/uPlot.LICENSE" in files


def test_every_package_says_that_it_is_typed(files: set[str]) -> None:
    packages = {PurePosixPath(name).parent for name in files if name.endswith("/__init__.py")}
    assert {str(package / "py.typed") for package in packages} <= files


def test_embedded_agents_are_found_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build.embed([reference.SOURCE], tmp_path / "prebuilt")
    monkeypatch.setattr(build, "PREBUILT", tmp_path / "prebuilt")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for abi in (Abi.X86_64, Abi.AARCH64, Abi.ARMHF):
        for found in (build.program_for(abi), build.shared_object_for(abi, reference.SOURCE)):
            assert found in built
            assert abi in read(found, program=found.name == build.PROGRAM).abis
