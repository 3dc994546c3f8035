"""Under xdist: a worker for each model, which leases its device; one report for all."""

import pytest

from support.plugin_runs import Desk

FARM = """
version = 1
[[device]]
name = "one"
model = "alpha"
connect = "local"
[[device]]
name = "two"
model = "beta"
connect = "local"
tags = { rack = "b2" }
"""

TESTS = """
import os
import pytest

@pytest.mark.parametrize("n", range(4))
def test_it(device, n, record_property):
    print("RAN", device.info.name, os.environ["PYTEST_XDIST_WORKER"])

@pytest.mark.any_device
def test_once(device):
    pass

@pytest.mark.device(rack="b2")
def test_there(device):
    pass

def test_plain():
    pass
"""


@pytest.fixture
def farm(desk: Desk) -> Desk:
    desk.write("farm.toml", FARM)
    return desk


def ids(records: list[dict[str, str]]) -> list[str]:
    return sorted(record["id"].partition("::")[2] for record in records)


ALL = sorted(
    [f"test_it[{model}-{n}]" for model in ("alpha", "beta") for n in range(4)]
    + ["test_once[alpha]", "test_there[beta]"]
)


@pytest.mark.parametrize("workers", ["0", "2", "3"])
def test_every_test_runs_once_on_each_model_however_many_workers_there_are(farm: Desk, workers: str) -> None:
    farm.write("test_x.py", TESTS.replace('os.environ["PYTEST_XDIST_WORKER"]', '""'))
    ran = farm.run("-n", workers)
    assert ran.status == 0, ran.output
    assert ids(ran.records()) == ALL
    assert {(record["device"], record["model"]) for record in ran.records()} == {("one", "alpha"), ("two", "beta")}
    assert ran.results is not None
    assert [device["name"] for device in ran.results["devices"]] == ["one", "two"]
    assert "11 passed" in ran.output


def test_the_tests_of_a_model_go_to_one_worker(farm: Desk) -> None:
    farm.write("test_x.py", TESTS)
    ran = farm.run("-n2", "-rP")
    pairs = {tuple(line.split()[1:]) for line in ran.output.splitlines() if line.startswith("RAN ")}
    assert len(pairs) == 2, ran.output
    assert {name for name, _ in pairs} == {"one", "two"}
    assert len({worker for _, worker in pairs}) == 2


def test_a_worker_that_dies_is_a_crash_of_its_test_alone(farm: Desk) -> None:
    farm.write(
        "test_x.py",
        """
        import os, signal
        import pytest

        @pytest.mark.device(rack="b2")
        def test_killed(device):
            os.kill(os.getpid(), signal.SIGKILL)

        @pytest.mark.any_device
        def test_other(device):
            pass
        """,
    )
    ran = farm.run("-n2")
    assert ran.status == 1, ran.output
    outcomes = {record["id"]: record["outcome"] for record in ran.records()}
    assert outcomes == {"test_x::test_killed[beta]": "crashed", "test_x::test_other[alpha]": "pass"}
    assert "SIGKILL" in ran.output


def test_a_plain_test_that_kills_its_worker_stays_pytest_s_own_failure(farm: Desk) -> None:
    farm.write("test_x.py", "import os, signal\ndef test_killed():\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    ran = farm.run("-n1")
    assert ran.status == 1, ran.output
    assert ran.results is None


def test_failures_of_workers_decide_the_exit_status(farm: Desk) -> None:
    farm.write("test_x.py", "def test_it(device, candidate): pass\n")
    ran = farm.run("-n2")
    assert ran.status == 4, ran.output
    assert ran.outcomes() == [(None, "user-error")] * 2


def test_a_model_that_cannot_be_had_fails_once_under_workers_too(desk: Desk) -> None:
    desk.write("test_x.py", "def test_it(device): pass\n")
    ran = desk.run("--on", "local", "--on", "ssh:nobody@127.0.0.1:1", "-n2")
    assert ran.status == 3, ran.output
    assert sorted(record["outcome"] for record in ran.records()) == ["infra", "pass"]
