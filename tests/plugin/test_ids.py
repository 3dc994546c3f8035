"""A test is called the same whatever the install and the working folder, and no package folder enters sys.path."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import ontarget
from ontarget.fixtures.collectors import dotted_name
from support.plugin_runs import Desk

ROOT = Path(ontarget.__file__).resolve().parent
SUITE = "ontarget.suites.test_ranking"
ONE = "test_accuracy"
OPTIONS = ("-q", "-p", "no:cacheprovider", "-c", "/dev/null", "-k", ONE)

PATHS = """
import json, sys
import pytest

class Look:
    def pytest_sessionfinish(self):
        ours = [name for name in sys.modules if name.split(".")[0] in ("suites", "harness", "fixtures", "main")]
        print("\\nLOOK", json.dumps({"path": sys.path, "shadows": ours}))

sys.exit(pytest.main(sys.argv[1:], plugins=[Look()]))
"""


@pytest.mark.parametrize("folder", ["/", str(ROOT.parent), str(ROOT), str(ROOT / "suites"), "."])
def test_the_id_of_an_installed_suite_does_not_depend_on_the_working_folder(desk: Desk, folder: str) -> None:
    """Nothing is given to run on, so every test fails at once, and its record says what it is called."""
    results = desk.folder / "r.json"
    cwd = desk.folder if folder == "." else Path(folder)
    done = subprocess.run(
        [sys.executable, "-c", PATHS, *OPTIONS, "--results", results, "--rootdir", desk.folder, "--pyargs", SUITE],
        cwd=cwd,
        env=desk.environ(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    ids = [record["id"] for record in json.loads(results.read_text())["tests"]]
    assert ids
    assert all(found.startswith(f"{SUITE}::{ONE}[no-device") for found in ids)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("LOOK "))
    look = json.loads(line.removeprefix("LOOK "))
    folders = {str(ROOT / name) for name in ("suites", "fixtures", "harness", "device_farm")}
    assert not folders & set(look["path"])
    assert look["shadows"] == []


def test_the_root_folder_of_the_run_does_not_matter_either(desk: Desk) -> None:
    ran = desk.run("-q", "-k", ONE, "--rootdir=/", "-c", "/dev/null", "--pyargs", SUITE)
    assert {record["id"].partition("[")[0] for record in ran.records()} == {f"{SUITE}::{ONE}"}


def test_a_users_own_tests_keep_the_import_mode_and_the_names_that_pytest_gives_them(desk: Desk) -> None:
    desk.write("conftest.py", "import helper\n")
    desk.write("helper.py", "")
    desk.write("test_mine.py", "class TestMine:\n    def test_it(self, device): pass\n")
    desk.write("deep/__init__.py", "")
    desk.write("deep/test_deep.py", "def test_it(device): pass\n")
    ran = desk.run("-q")
    ids = [record["id"] for record in ran.records()]
    assert sorted(ids) == ["deep.test_deep::test_it[no-device]", "test_mine::TestMine::test_it[no-device]"]


def test_only_whole_packages_are_ours(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "__init__.py").touch()
    (tmp_path / "tests").mkdir()
    assert dotted_name(tmp_path, tmp_path) == "ontarget"
    assert dotted_name(tmp_path / "suites", tmp_path) == "ontarget.suites"
    assert dotted_name(tmp_path / "suites" / "test_x.py", tmp_path) == "ontarget.suites.test_x"
    assert dotted_name(tmp_path / "suites" / "__init__.py", tmp_path) == "ontarget.suites"
    assert dotted_name(tmp_path / "tests" / "test_x.py", tmp_path) is None
    assert dotted_name(tmp_path.parent / "test_x.py", tmp_path) is None
