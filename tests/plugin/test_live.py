"""What is said while a run runs, to whoever watches it."""

import os
import pty
import subprocess

import pytest

from ontarget.fixtures.live import line
from support.plugin_runs import Desk

TESTS = """
import pytest
from ontarget.fixtures import live

live.EVERY = 0.0

@pytest.mark.parametrize("n", range(5))
def test_it(device, n):
    pass
"""


@pytest.mark.parametrize(
    ("done", "doing", "said"),
    [
        (0, {}, "0 of 10 tests"),
        (2, {"pi4-03": "m::test_a[pi4]"}, "2 of 10 tests; pi4-03: test_a[pi4]"),
        (5, {"b": "m::test_b", "a": "m::test_a"}, "5 of 10 tests, about 100s left; a: test_a; b: test_b"),
        (10, {}, "10 of 10 tests"),
        (
            4,
            {f"d{n}": f"m::t{n}" for n in range(6)},
            "4 of 10 tests, about 150s left; d0: t0; d1: t1; d2: t2; d3: t3; ",
        ),
    ],
)
def test_how_far_a_run_is(done: int, doing: dict[str, str], said: str) -> None:
    assert line(done, 10, 100.0, doing).startswith(said)


def test_more_devices_than_are_shown_are_counted() -> None:
    assert line(4, 10, 100.0, {f"d{n}": f"t{n}" for n in range(6)}).endswith("; and 2 more devices")


def on_a_terminal(desk: Desk, *arguments: str) -> str:
    """What a run prints to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        desk.command("-p", "no:terminalprogress", *arguments),
        cwd=desk.folder,
        env={**desk.environ(), "NO_COLOR": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = bytearray()
    while True:
        try:
            said += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    process.wait()
    return said.decode()


def test_a_terminal_hears_what_a_device_does_and_is_not_coloured_against_its_will(desk: Desk) -> None:
    desk.write("test_live.py", TESTS)
    said = on_a_terminal(desk, "--on", "local", "test_live.py")
    assert "of 5 tests" in said
    assert "local: test_it[local-" in said
    assert "\x1b[3" not in said, "NO_COLOR was set"


def test_quiet_runs_and_files_stay_plain(desk: Desk) -> None:
    desk.write("test_live.py", TESTS)
    assert "of 5 tests" not in on_a_terminal(desk, "-q", "--on", "local", "test_live.py")
    assert "of 5 tests" not in desk.run("--on", "local", "test_live.py").output
