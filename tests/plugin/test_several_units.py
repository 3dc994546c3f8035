"""Several units of a model: tests are shared over them, and go to another one when theirs fails."""

import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.leases.store import DeviceState
from support.plugin_runs import Desk, Ran
from support.waiting import eventually

UNITS = ("one", "two", "three")
FARM = "version = 1\n" + "".join(f'[[device]]\nname = "{name}"\nmodel = "alpha"\nconnect = "local"\n' for name in UNITS)
OTHER = '[[device]]\nname = "single"\nmodel = "beta"\nconnect = "local"\n'

# Ends the agent on one unit, in the middle of a test.
LOSE = """
import os
import psutil
import pytest

def lose(device, name):
    if device.info.name == name:
        for child in psutil.Process().children(recursive=True):
            child.kill()
    device.conditions()
"""


@pytest.fixture
def farm(desk: Desk) -> Desk:
    desk.write("farm.toml", FARM)
    return desk


def devices_of(ran: Ran) -> dict[str, str]:
    return {record["id"].partition("::")[2]: record["device"] for record in ran.records()}


def states(desk: Desk) -> dict[str, DeviceState]:
    with Farm.open(load(desk.folder / "farm.toml")) as farm:
        return {status.name: status.state for status in farm.statuses()}


def allure_results(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    return sorted(found, key=lambda result: (result["fullName"], result["start"]))


@pytest.mark.parametrize(("workers", "units"), [("1", 1), ("2", 2), ("5", 3)])
def test_each_worker_has_a_unit_of_its_own_and_every_test_runs_once(farm: Desk, workers: str, units: int) -> None:
    farm.write(
        "test_x.py",
        """
        import pytest
        @pytest.mark.parametrize("n", range(9))
        def test_it(device, n):
            pass
        """,
    )
    ran = farm.run("-n", workers)
    assert ran.status == 0, ran.output
    assert sorted(devices_of(ran)) == [f"test_it[alpha-{n}]" for n in range(9)]
    assert len(set(devices_of(ran).values())) == units
    assert "9 passed" in ran.output
    assert "[9 items]" in ran.output
    assert set(states(farm).values()) == {DeviceState.AVAILABLE}


def test_a_test_for_one_unit_alone_goes_to_that_one(farm: Desk) -> None:
    farm.write("farm.toml", FARM.replace('name = "three"', 'name = "three"\ntags = { rack = "b2" }'))
    farm.write(
        "test_x.py",
        """
        import pytest
        @pytest.mark.device(rack="b2")
        def test_there(device): pass
        def test_anywhere(device): pass
        """,
    )
    ran = farm.run("-n2")
    assert ran.status == 0, ran.output
    assert devices_of(ran)["test_there[alpha]"] == "three"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_test_whose_device_fails_is_run_on_another_unit_and_says_so(farm: Desk, workers: str) -> None:
    farm.write(
        "test_x.py",
        LOSE
        + """
def test_lost(device):
    open("units", "a").write(device.info.name + " ")
    lose(device, open("units").read().split()[0])

def test_other(device):
    device.conditions()
""",
    )
    out = farm.folder / "allure"
    ran = farm.run("-n", workers, "--alluredir", out, "-v")
    assert ran.status == 0, ran.output
    first, second = (farm.folder / "units").read_text().split()
    assert first != second
    (record,) = (record for record in ran.records() if "lost" in record["id"])
    assert (record["outcome"], record["device"]) == ("pass", second)
    assert record["message"].startswith(f"moved from {first}, which failed: ")
    assert len(ran.records()) == 2
    assert "2 passed, 1 moved" in ran.output
    assert f"moved: test_x::test_lost[alpha] from {first}: " in ran.output
    failed, passed = (result for result in allure_results(out) if result["fullName"].endswith("test_lost"))
    assert failed["historyId"] == passed["historyId"]
    assert (failed["status"], passed["status"]) == ("broken", "passed")
    assert "moved to another unit" in failed["statusDetails"]["message"]
    assert f"moved from {first}" in passed["description"]
    assert len(allure_results(out)) == 3
    assert set(states(farm).values()) == {DeviceState.AVAILABLE}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_test_moves_once_and_a_wrong_kernel_never(farm: Desk, workers: str) -> None:
    farm.write(
        "test_x.py",
        LOSE
        + """
def test_lost(device):
    open("units", "a").write(device.info.name + " ")
    lose(device, device.info.name)

def test_wrong(device):
    open("wrong", "a").write(device.info.name + " ")
    assert False
""",
    )
    ran = farm.run("-n", workers)
    assert ran.status == 1, ran.output
    assert len((farm.folder / "units").read_text().split()) == 2
    assert len((farm.folder / "wrong").read_text().split()) == 1
    outcomes = {record["id"].partition("::")[2]: record["outcome"] for record in ran.records()}
    assert outcomes == {"test_lost[alpha]": "infra", "test_wrong[alpha]": "wrong"}
    assert "2 failed, 1 moved" in ran.output


@pytest.mark.parametrize("workers", ["0", "2"])
def test_without_another_unit_a_test_runs_once_more_on_the_one_brought_back(desk: Desk, workers: str) -> None:
    desk.write("farm.toml", "version = 1\n" + OTHER)
    desk.write(
        "test_x.py",
        LOSE
        + """
@pytest.mark.parametrize("often", [1, 9])
def test_lost(device, often):
    with open(f"units{often}", "a+") as file:
        file.write("x")
    if len(open(f"units{often}").read()) <= often:
        lose(device, "single")

def test_next(device):
    device.conditions()
""",
    )
    out = desk.folder / "allure"
    ran = desk.run("-n", workers, "--alluredir", out)
    assert ran.status == 3, ran.output
    assert len((desk.folder / "units9").read_text()) == 2, "once more, and not twice"
    again = "run again on single, which was brought back after it failed: "
    records = {record["id"].partition("::")[2]: record for record in ran.records()}
    outcomes = {
        name: (record["outcome"], (record["rerun"] or "").startswith(again)) for name, record in records.items()
    }
    assert outcomes == {
        "test_lost[beta-1]": ("pass", True),
        "test_lost[beta-9]": ("infra", True),
        "test_next[beta]": ("pass", False),
    }
    assert records["test_lost[beta-1]"]["message"].startswith(again)
    assert "2 run again" in ran.output
    assert "run again: test_x::test_lost[beta-1] on single: " in ran.output
    first, second = (one for one in allure_results(out) if "1" in [p["value"] for p in one["parameters"]])
    assert (first["status"], second["status"]) == ("broken", "passed")
    assert "run again on it, brought back" in first["statusDetails"]["message"]
    assert again in second["description"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_device_that_cannot_be_brought_back_is_taken_out_of_service(farm: Desk, workers: str) -> None:
    # Nothing can be started on this machine as device "one" any more: its folder is a file.
    farm.write(
        "test_x.py",
        LOSE
        + """
import pathlib, shutil
import pytest

@pytest.mark.parametrize("n", range(6))
def test_it(device, n):
    if device.info.name == "one":
        root = pathlib.Path(os.environ["ONTARGET_ROOT"]) / "devices" / "one"
        shutil.rmtree(root)
        root.write_text("no folder")
        lose(device, "one")
""",
    )
    root = Path(farm.environment["ONTARGET_ROOT"]) / "devices" / "one"
    try:
        ran = farm.run("-n", workers)
    finally:
        if root.is_file():
            root.unlink()
    assert ran.status == 0, ran.output
    assert "one" not in devices_of(ran).values()
    assert len(ran.records()) == 6
    with Farm.open(load(farm.folder / "farm.toml")) as opened:
        (one,) = (status for status in opened.statuses() if status.name == "one")
    assert one.state is DeviceState.QUARANTINED
    assert "not brought back" in (one.reason or "")
    ran = farm.run("-n", workers)
    assert ran.status == 0, ran.output


def test_units_that_are_one_machine_are_not_timed_at_once(farm: Desk) -> None:
    farm.write(
        "test_x.py",
        """
        import os, pathlib
        import pytest

        @pytest.mark.parametrize("n", range(8))
        def test_it(device, n):
            pathlib.Path(f"here-{device.info.name}").touch()
            with device.quiet():
                os.close(os.open("timing", os.O_CREAT | os.O_EXCL))  # fails if another is at it
                for _ in range(20):
                    device.conditions()
                os.unlink("timing")
        """,
    )
    ran = farm.run("-n2")
    assert ran.status == 0, ran.output
    assert len(list(farm.folder.glob("here-*"))) == 2


def test_a_unit_that_another_run_uses_is_left_to_it(farm: Desk) -> None:
    farm.write("test_x.py", "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_it(device, n): pass\n")
    with Farm.open(load(farm.folder / "farm.toml")) as opened, opened.lease({"name": "one"}):
        ran = farm.run("-n3")
    assert ran.status == 0, ran.output
    assert set(devices_of(ran).values()) == {"two", "three"}


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(9)", "ctypes.string_at(0)"])
@pytest.mark.parametrize("where", ["fixture", "test"])
def test_a_worker_that_dies_loses_no_result_and_its_device_is_free_at_once(farm: Desk, end: str, where: str) -> None:
    farm.write(
        "test_x.py",
        f"""
        import ctypes, os, signal
        import pytest

        @pytest.fixture
        def deadly(device):
            if {where == "fixture"}:
                {end}

        @pytest.mark.kernel(application="pose", operator="axpy", dtype="f32")
        def test_killed(device, deadly):
            {end}

        @pytest.mark.parametrize("n", range(6))
        def test_it(device, n):
            pass
        """,
    )
    out = farm.folder / "allure"
    # A lease that nobody gives back would last longer than the run may.
    ran = farm.run("-n2", "--alluredir", out, "--lease-ttl", "1h")
    assert ran.status == 1, ran.output
    outcomes = {record["id"].partition("::")[2]: record["outcome"] for record in ran.records()}
    assert outcomes == {f"test_it[alpha-{n}]": "pass" for n in range(6)} | {"test_killed[alpha]": "crashed"}
    assert len(ran.records()) == 7
    assert set(states(farm).values()) == {DeviceState.AVAILABLE}
    (crashed,) = (result for result in allure_results(out) if result["fullName"] == "test_x::test_killed")
    assert crashed["status"] == "broken"
    named = {"os._exit(9)": "exit status 9", "ctypes.string_at(0)": "SIGSEGV"}.get(end, "SIGKILL")
    assert named in crashed["statusDetails"]["message"]
    told = {label["name"]: label["value"] for label in crashed["labels"]}
    assert (told["feature"], told["story"], told["dtype"]) == ("pose", "axpy", "f32")
    assert [parameter["value"] for parameter in crashed["parameters"]] == ["alpha", "f32"]
    assert len(allure_results(out)) == 7
    ran = farm.run("-n0", "--alluredir", farm.folder / "again", "-k", "test_it and 0")
    assert ran.status == 0, ran.output


def test_no_secret_of_a_lease_is_told_even_to_those_who_ask_for_everything(farm: Desk) -> None:
    farm.write("test_x.py", "import os, signal\ndef test_it(device): os.kill(os.getpid(), signal.SIGKILL)\n")
    before = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("ontarget-run-*"))
    ran = farm.run("-n1", "--debug", "-vv", "-rA")
    with sqlite3.connect(farm.folder / "farm.db") as store:
        hashes = {row[0] for row in store.execute("SELECT secret_hash FROM lease")}
    assert hashes
    text = ran.output + (farm.folder / "pytestdebug.log").read_text()
    import hashlib
    import re

    words = {hashlib.sha256(word.encode()).hexdigest() for word in re.findall(r"[0-9a-f]{32}", text)}
    assert not hashes & words
    assert set(Path(os.environ.get("TMPDIR", "/tmp")).glob("ontarget-run-*")) <= before


@pytest.mark.parametrize("whom", ["group", "controller"])
def test_after_ctrl_c_all_devices_are_given_back(farm: Desk, whom: str) -> None:
    farm.write(
        "test_x.py",
        """
        import pathlib, threading
        import pytest

        @pytest.mark.parametrize("n", range(3))
        def test_it(device, n):
            pathlib.Path(f"begun-{device.info.name}").touch()
            threading.Event().wait(600)
        """,
    )
    with (farm.folder / "output").open("wb") as output:
        process = subprocess.Popen(
            farm.command("-n3", "--lease-ttl", "1h"),
            cwd=farm.folder,
            env=farm.environ(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(lambda: len(list(farm.folder.glob("begun-*"))) == 3, "three tests on three devices", 120.0)
        (os.killpg if whom == "group" else os.kill)(process.pid, signal.SIGINT)
        assert process.wait(60) == 2, (farm.folder / "output").read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert set(states(farm).values()) == {DeviceState.AVAILABLE}, (farm.folder / "output").read_text()
