"""`ontarget artifact` as typed, and runs against what it keeps."""

import json
from pathlib import Path

import pytest

from support.c_libraries import compile_library
from support.commands import CommandLine
from support.histories import git, repository, source
from support.plugin_runs import CALL, SAXPY, Desk


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    repository(tmp_path / "repo", [source(marker="one"), source(marker="two")])
    return CommandLine(tmp_path / "repo", {"XDG_DATA_HOME": str(tmp_path / "data")})


def test_added_listed_and_got(line: CommandLine, tmp_path: Path) -> None:
    library = compile_library("int one(void) { return 1; }", tmp_path, "one")
    head = git(line.folder, "rev-parse", "HEAD").strip()
    (added,) = json.loads(line.done("artifact", "add", "HEAD", f"x86_64={library}", "--json"))
    assert (added["commit"], added["abi"], added["library"]) == (head, "x86_64", "libone.so")
    assert (tmp_path / "data" / "ontarget" / "artifacts" / "builds" / head / "x86_64.json").is_file()
    assert json.loads(line.done("artifact", "list", "--json")) == [added]
    assert head[:12] in line.done("artifact", "list")
    got = json.loads(line.done("artifact", "get", head[:8], "--to", str(tmp_path / "out"), "--json"))
    assert got == {"commit": head, "files": {"x86_64": [str(tmp_path / "out" / "x86_64" / "libone.so")]}}
    assert (tmp_path / "out" / "x86_64" / "libone.so").read_bytes() == library.read_bytes()


def test_what_makes_no_sense_is_a_usage_error(line: CommandLine, tmp_path: Path) -> None:
    library = compile_library("int one(void) { return 1; }", tmp_path, "one")
    for words, told in [
        (("add", "nosuch", str(library)), "expected a commit of the repository here"),
        (("add", "HEAD", f"aarch64={library}"), "expected a library for aarch64, found one for x86_64"),
        (("add", "HEAD", str(tmp_path / "nothing.so")), "found nothing at"),
        (("get", "HEAD", "--to", str(tmp_path / "out")), "Add it: ontarget artifact add"),
        (("list", "--store", "nosuch://user:pass@host"), "nosuch://***@host"),
    ]:
        done = line.run("artifact", *words)
        assert done.returncode == 2, done.stderr
        assert told in done.stderr
        assert "user:pass" not in done.stderr


def test_the_store_of_the_farm_file_is_used(line: CommandLine, tmp_path: Path) -> None:
    library = compile_library("int one(void) { return 1; }", tmp_path, "one")
    (line.folder / "farm.toml").write_text('version = 1\nartifacts = "builds"\n')
    line.done("artifact", "add", "HEAD", str(library))
    assert len(list((line.folder / "builds" / "builds").iterdir())) == 1
    assert json.loads(line.done("artifact", "list", "--json", ONTARGET_ARTIFACTS=str(tmp_path / "other"))) == []


def test_commits_are_completed(line: CommandLine, tmp_path: Path) -> None:
    library = compile_library("int one(void) { return 1; }", tmp_path, "one")
    head = git(line.folder, "rev-parse", "HEAD").strip()
    line.done("artifact", "add", "HEAD", str(library))
    words = f"ontarget artifact get {head[:6]}"
    asked = {"_ONTARGET_COMPLETE": "bash_complete", "COMP_LINE": words, "COMP_POINT": str(len(words))}
    assert head in line.run(**asked).stdout


def test_a_run_compares_with_a_commit(desk: Desk, tmp_path: Path) -> None:
    made = repository(desk.folder / "repo", [source(marker="one"), source(marker="two")])
    desk.environment["ONTARGET_ARTIFACTS"] = str(tmp_path / "artifacts")
    line = CommandLine(made.folder, {"ONTARGET_ARTIFACTS": str(tmp_path / "artifacts")})
    line.done("artifact", "add", made.commits[0], str(desk.library("base", SAXPY)))
    test = desk.write(
        "repo/test_saxpy.py",
        CALL
        + """
def test_saxpy(candidate, baseline, accuracy):
    assert baseline.digest == candidate.digest
    accuracy.check(call, candidate, baseline, result="y", expected=EXPECTED, terms=2)
""",
    )
    short = made.commits[0][:7]
    ran = desk.run(
        "--on", "local", "--candidate", f"commit:{short}", "--baseline", "commit:HEAD~1", test, cwd=made.folder
    )
    assert (ran.status, ran.outcomes()) == (0, [("accuracy", "pass")]), ran.output
    assert ran.results is not None
    assert ran.results["commit"] == made.commits[0]
    ran = desk.run(
        "--on", "local", "--candidate", f"commit:{short}", "--baseline", "commit:HEAD", test, cwd=made.folder
    )
    assert (ran.status, ran.outcomes()) == (4, [(None, "user-error")]), ran.output
    assert f"ontarget artifact add {made.commits[1][:12]} x86_64=PATH" in ran.records()[0]["message"]
