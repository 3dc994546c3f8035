"""A run that sleeps through the end of its lease, and one that is interrupted again and again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import entries_from_words
from ontarget.device_farm.lease import RELEASE_BOUND
from ontarget.device_farm.leases.store import DeviceState
from support.plugin_runs import Desk
from support.waiting import eventually

TTL = 2.0
# Each waits on the host in the midst of a test, and then passes through one door to the device.
TEST = """
import time
from pathlib import Path

def pause():
    Path("started").touch()
    while not Path("go").exists():
        time.sleep(0.01)

def test_call(device):
    pause()
    device.conditions()

def test_deploy(device, request):
    pause()
    request.getfixturevalue("candidate").launch()

def test_hang(device):
    pause()

def test_after(device):
    device.conditions()
"""
LIBRARY = "int answer(void) { return 42; }"


@pytest.fixture
def farm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    """The farm of the desk, as another client sees it."""
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    desk.write("test_x.py", TEST)
    with Farm.open(entries_from_words(["local"])) as opened:
        opened.models()
        yield opened


@contextmanager
def running(desk: Desk, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """A run in a session of its own, from the moment at which its test waits."""
    library = desk.library("libanswer", LIBRARY)
    command = desk.command(
        "--on=local", f"--lease-ttl={TTL:g}s", "--lease-wait=0s", f"--candidate={library}", *arguments
    )
    with subprocess.Popen(
        command,
        cwd=desk.folder,
        env=desk.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            eventually((desk.folder / "started").exists, "the beginning of the test", 60.0)
            yield run
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)


def free(farm: Farm) -> bool:
    return farm.status("local").state is DeviceState.AVAILABLE


@pytest.mark.parametrize("door", ["test_call", "test_deploy"])
def test_a_run_that_wakes_after_its_lease_is_refused_by_the_device(farm: Farm, desk: Desk, door: str) -> None:
    with running(desk, f"test_x.py::{door}") as run:
        ours = farm.status("local").token
        os.killpg(run.pid, signal.SIGSTOP)
        with farm.lease({"name": "local"}, wait=60.0, owner="next@desk") as lease, farm.connect(lease) as device:
            (desk.folder / "go").touch()
            os.killpg(run.pid, signal.SIGCONT)
            output, _ = run.communicate(timeout=60)
            assert run.returncode == 3, output
            (record,) = json.loads((desk.folder / "ontarget-results.json").read_text())["tests"]
            assert record["outcome"] == "infra"
            message = record["message"]
            assert "local: " in message
            assert f"the device was taken with token {lease.token} of store {farm.store_id}, by next@desk" in message
            assert f"ours was {ours}" in message
            assert message in output
            assert device.conditions() is not None, "the new holder goes on undisturbed"


def test_the_device_of_a_killed_run_is_free_within_one_time_to_live(farm: Farm, desk: Desk) -> None:
    with running(desk, "test_x.py::test_hang") as run:
        os.killpg(run.pid, signal.SIGKILL)
        killed = time.monotonic()
        with farm.lease({"name": "local"}, wait=60.0) as lease, farm.connect(lease) as device:
            assert time.monotonic() - killed < TTL + RELEASE_BOUND
            assert device.conditions() is not None


@pytest.mark.parametrize("presses", [1, 2, 5])
def test_ctrl_c_gives_the_device_back_however_often_it_is_pressed(farm: Farm, desk: Desk, presses: int) -> None:
    """At once: a lease that is left to its time to live would be free later than the run has ended."""
    with running(desk, "test_x.py::test_hang", "--lease-ttl=600s") as run:
        for _ in range(presses):
            os.killpg(run.pid, signal.SIGINT)
        output, _ = run.communicate(timeout=RELEASE_BOUND + 30)
        assert free(farm), output
        assert run.returncode != 0
