"""Runs that use no device notice nothing of the plugin."""

import shutil
from pathlib import Path

import pytest

from support.plugin_runs import Desk

HEAVY = ("numpy", "paramiko", "sqlalchemy", "matplotlib", "pydantic", "serial", "allure")


def test_nothing_heavy_is_imported_and_nothing_is_written_or_said(desk: Desk) -> None:
    desk.write(
        "test_plain.py",
        f"""
        import sys

        def test_plain():
            assert [name for name in {HEAVY!r} if name in sys.modules] == []
        """,
    )
    # allure-pytest, a plugin of its own, imports allure
    ran = desk.run("-q", "-p", "no:allure_pytest", "-p", "no:hypothesispytest")
    assert ran.status == 0, ran.output
    assert "ontarget" not in ran.output
    assert {path.name for path in desk.folder.iterdir()} <= {"test_plain.py", "__pycache__"}


def test_a_test_keeps_its_own_fixtures_of_our_names(desk: Desk) -> None:
    desk.write(
        "test_own.py",
        """
        import pytest

        @pytest.fixture
        def device():
            return "my own"

        @pytest.mark.parametrize("candidate", [1, 2])
        def test_own(device, candidate):
            assert (device, type(candidate)) == ("my own", int)

        @pytest.mark.parametrize("device", ["a", "b"])
        def test_direct(device):
            assert device in "ab"
        """,
    )
    ran = desk.run("-v")
    assert ran.status == 0, ran.output
    assert "test_own[1]" in ran.output
    assert ran.results is None


def test_a_plain_run_under_xdist_keeps_its_scheduler_though_devices_are_given(desk: Desk) -> None:
    farm = """
        version = 1
        [[device]]
        name = "bench"
        model = "some-phone"
        connect = "ssh:nobody@127.0.0.1:1"
    """
    desk.write("farm.toml", farm)
    desk.write("test_plain.py", "def test_one(): pass\ndef test_two(): pass\n")
    ran = desk.run("-n2", "-v")
    assert ran.status == 0, ran.output
    assert "2 passed" in ran.output
    assert ran.results is None


def test_usage_errors_say_what_was_expected(desk: Desk, tmp_path: Path) -> None:
    for arguments, told in (
        (("--on", "local", "--farm", tmp_path / "farm.toml"), "--on names devices, --farm a file that lists them"),
        (("--lease-wait", "soon"), "'soon' is no duration"),
        (("--lease-ttl", "0"), "expected at least 1s"),
        (("--target-slowdown", "-1"), "percent above 0"),
        (("--block", "latency"), "invalid choice"),
        (("--inconclusive", "maybe"), "invalid choice"),
    ):
        ran = desk.run(*arguments)
        assert ran.status == 4, ran.output
        assert told in ran.output


@pytest.mark.parametrize("place", ["work/build", "elsewhere/build"])
def test_pytests_root_and_cache_are_not_put_beside_a_build(desk: Desk, tmp_path: Path, place: str) -> None:
    build, work = tmp_path / place, tmp_path / "work"
    build.mkdir(parents=True)
    work.mkdir(exist_ok=True)
    desk.write("test_root.py", "def test_root(pytestconfig): print('root is', pytestconfig.rootpath)")
    shutil.copy(desk.folder / "test_root.py", work)
    ran = desk.run("-s", "--candidate", build, "--pyargs", "test_root", cwd=work)
    assert f"root is {work}\n" in ran.output
