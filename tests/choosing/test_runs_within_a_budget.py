"""A run with a budget and a history: what failed lately runs, what there is no time for is named."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.histories import git
from support.plugin_runs import CALL, SAXPY, Desk

TESTS = f"""
{CALL}

@pytest.mark.parametrize("part", range(4))
def test_right(candidate, accuracy, part):
    accuracy.check(call, candidate, result="y", expected=EXPECTED, terms=2)

@pytest.mark.kernel(operator="saxpy")
def test_changed(candidate, accuracy):
    accuracy.check(call, candidate, result="y", expected=EXPECTED, terms=2)

def test_failing(candidate, accuracy):
    accuracy.check(call, candidate, result="y", expected=EXPECTED + 1, terms=2)
"""
MAP = 'version = 1\n[[touches]]\nfiles = ["saxpy.c"]\noperators = ["saxpy"]\n'


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with a history: all six tests ran once, and the last failed. Its commit changed saxpy.c."""
    folder = tmp_path_factory.mktemp("desk")
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        made = Desk(folder, tmp_path_factory.mktemp("state"), {"ONTARGET_ROOT": root})
        made.write("test_x.py", TESTS)
        made.write("ontarget-map.toml", MAP)
        made.write("saxpy.c", "one")
        git(folder, "init", "-q")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "one")
        made.write("saxpy.c", "two")
        made.write("notes.txt", "two")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "two")
        made.library("good", SAXPY)
        assert made.run("--on", "local", "--candidate", "good.so").status == 1
        yield made


@pytest.mark.parametrize("workers", [0, 2])
def test_the_most_telling_run_and_the_others_are_named(desk: Desk, workers: int) -> None:
    split = ["-n", str(workers)] if workers else []
    ran = desk.run("--on", "local", "--candidate", "good.so", "--budget", "0.0001s", *split)
    assert [record["outcome"] for record in ran.records()] == ["wrong"], ran.output
    assert ran.results is not None
    left = [test["id"].partition("::")[2].partition("[")[0] for test in ran.results["left_out"]]
    assert left == ["test_changed", *["test_right"] * 4]
    assert ran.results["left_out"][0]["why"] == "touched by the change"
    assert "left out for want of budget: 5 tests" in ran.output
    assert "changed, and in no entry of the map: notes.txt" in ran.output


def test_a_budget_with_room_for_all_leaves_none_out(desk: Desk) -> None:
    ran = desk.run("--on", "local", "--candidate", "good.so", "--budget", "10m")
    assert len(ran.records()) == 6
    assert ran.results is not None
    assert ran.results["left_out"] == []
    assert "left out" not in ran.output


def test_a_bad_map_stops_the_run(desk: Desk) -> None:
    inside = desk.folder / "sub"
    inside.mkdir()
    (inside / "ontarget-map.toml").write_text("version = 7")
    build = desk.folder / "good.so"
    ran = desk.run("--on", "local", "--candidate", build, "--budget", "1s", "../test_x.py", cwd=inside)
    assert ran.status == 4, ran.output
    assert "expected version = 1" in ran.output
