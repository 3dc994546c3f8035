"""`ontarget bisect` as typed: a real repository, real builds, this machine as the device."""

import json
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.commands import CommandLine
from support.histories import BUILD, TEST, Repository, git, repository, source

SLOW = 160  # turns, where 100 are usual: a few pairs tell


@dataclass(frozen=True)
class Bench:
    """A repository with a test in it, and the command line."""

    made: Repository
    line: CommandLine

    def words(self, *more: str) -> list[str]:
        commits = self.made.commits
        return [
            *("bisect", "test_work::test_work[local-2000]", "--good", commits[0], "--bad", commits[-1]),
            *("--on", "local", *more),
        ]

    def found(self, *more: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.line.done(*self.words("--json", *more)))
        return found


def bench(tmp_path: Path, state: Path, root: Path, sources: list[str]) -> Bench:
    made = repository(tmp_path / "repo", sources)
    (made.folder / "test_work.py").write_text(TEST)
    places = {"XDG_DATA_HOME": tmp_path / "data", "XDG_STATE_HOME": state, "ONTARGET_ROOT": root}
    return Bench(made, CommandLine(made.folder, {name: str(place) for name, place in places.items()}))


def test_the_slow_commit_is_found_and_its_builds_are_kept(tmp_path: Path, state: Path, root: Path) -> None:
    sources = [source(work=SLOW if number >= 4 else 100, marker=str(number)) for number in range(7)]
    sources[3] = "this is no C"  # the first to be asked for
    desk = bench(tmp_path, state, root, sources)
    commits = desk.made.commits
    found = desk.found("--build", BUILD)
    assert (found["check"], found["result"]) == ("latency", "found"), found
    assert found["suspects"] == commits[3:5]
    assert found["probability"] > 0.95
    assert found["interval"][0] > 0.1
    assert list(found["stepped_around"]) == [commits[3]]
    assert len(git(desk.made.folder, "worktree", "list").splitlines()) == 1
    sides = {one["commit"]: one for one in found["measured"]}
    assert sides[commits[2]]["interval"][1] < 0.1 < sides[commits[4]]["interval"][0]
    kept = {one["commit"] for one in json.loads(desk.line.done("artifact", "list", "--json"))}
    assert {commits[0], commits[2], commits[4], commits[6]} <= kept
    assert len(kept) == found["built"]


def test_a_killed_search_goes_on_where_it_was(tmp_path: Path, state: Path, root: Path) -> None:
    desk = bench(
        tmp_path, state, root, [source(work=SLOW if number >= 2 else 100) + f"// {number}" for number in range(4)]
    )
    words = [sys.executable, "-m", "ontarget.device_farm.cli", *desk.words("--check", "latency", "--build", BUILD)]
    with subprocess.Popen(
        words, cwd=desk.line.folder, env=desk.line.environ(), stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        for text in run.stderr:
            if "to find the place" in text:
                break
        run.send_signal(signal.SIGKILL)
    (saved,) = state.glob("ontarget/bisect/*/search.json")
    told = json.loads(json.loads(saved.read_text())["search"])["told"]
    assert len(told) >= 8
    done = desk.line.run(*desk.words("--check", "latency", "--build", BUILD, "--json"))
    assert done.returncode == 0, done.stderr
    assert f"going on after {len(told)} launch pairs" in done.stderr
    found = json.loads(done.stdout)
    assert found["culprit"] == desk.made.commits[2]
    ends = next(one for one in found["measured"] if one["commit"] == desk.made.commits[-1])
    assert ends["differences"] == [difference for _, difference in told]
    assert not saved.exists()
    assert len(git(desk.made.folder, "worktree", "list").splitlines()) == 1


def test_ctrl_c_ends_a_build_and_leaves_nothing_behind(tmp_path: Path, state: Path, root: Path) -> None:
    desk = bench(tmp_path, state, root, [source(marker=str(number)) for number in range(3)])
    build = f"{shlex.quote(sys.executable)} -c 'import time; time.sleep(600)'"
    words = [sys.executable, "-m", "ontarget.device_farm.cli", *desk.words("--build", build)]
    with subprocess.Popen(
        words, cwd=desk.line.folder, env=desk.line.environ(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stderr is not None
        for text in run.stderr:
            if "building" in text:
                break
        run.send_signal(signal.SIGINT)
        assert "interrupted" in run.stderr.read()
    assert run.returncode == 130
    assert len(git(desk.made.folder, "worktree", "list").splitlines()) == 1


def test_the_commit_with_wrong_results_is_found(tmp_path: Path, state: Path, root: Path) -> None:
    desk = bench(
        tmp_path, state, root, [source(off="0.5f" if number >= 3 else "0", marker=str(number)) for number in range(5)]
    )
    done = desk.line.run(*desk.words("--build", BUILD))
    assert done.returncode == 0, done.stderr
    first, after, before = done.stdout.splitlines()[:3]
    assert first == f'{desk.made.commits[3][:12]} "commit 3" made it wrong (3 measurements)', done.stdout
    assert ": wrong: " in after
    assert before.endswith('"commit 2": right')


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--good", "nosuch"], "--good: expected a commit of the repository"),
        (["--good", "HEAD", "--bad", "HEAD~1"], "exchange the two"),
        (["--bad", "HEAD~1"], "expected two commits"),
        ([], "ontarget artifact add"),
        (["--build", "no-such-command {out}"], "does not build: no-such-command: No such file or directory"),
        (["--build", "true"], "shared objects for one ABI into {out}"),
        (["--build", "'"], "--build: expected words as a shell has them"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    tmp_path: Path, state: Path, root: Path, words: list[str], told: str
) -> None:
    desk = bench(tmp_path, state, root, [source(marker=str(number)) for number in range(2)])
    usual = ["bisect", "test_work::test_work[local-2000]", "--good", "HEAD~1", "--bad", "HEAD", "--on", "local"]
    done = desk.line.run(*usual, *words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
