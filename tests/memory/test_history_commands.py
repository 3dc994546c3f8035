"""`ontarget history` and `ontarget changes`, as processes, and what the shell completes."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ontarget.device_farm.memory.memory import Memory
from ontarget.harness.outcomes import Answer
from support.commands import CommandLine
from support.memories import IDENTITY, TEST, compared, keep

ON_SQLITE = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
COMMITS, STEP = 40, 25
SHAS = [f"{i:02d}" + "c" * 38 for i in range(COMMITS)]
FARM = 'version = 1\n[[device]]\nname = "pi-1"\nmodel = "pi"\nconnect = "ssh:127.0.0.1:1"\n'


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Forty commits, each against its parent in a session of its own; one made it 3 % slower."""
    folder = tmp_path_factory.mktemp("grown")
    (folder / "farm.toml").write_text(FARM)
    rng = np.random.default_rng(3)
    with Memory.open(f"sqlite:///{folder / 'farm.db'}") as memory:
        for i in range(COMMITS):
            slowdown = 0.03 if i == STEP else 0.0
            drift = float(np.exp(rng.normal(0, 0.005))) * (1.03 if i >= STEP else 1.0) / (1 + slowdown)
            answer = Answer.REGRESSED if slowdown else Answer.PASS
            found = compared(rng, slowdown, candidate=f"{i + 1:064x}", baseline=f"{i:064x}", answer=answer, pairs=6)
            levels = {side: replace(times, p50=times.p50 * drift) for side, times in found.quantiles.items()}
            keep(memory, replace(found, quantiles=levels), commit=SHAS[i])
    return CommandLine(folder)


def test_a_change_is_listed_with_its_commits_size_and_certainty(grown: CommandLine) -> None:
    (change,) = json.loads(grown.done("changes", "--json"))
    assert (change["commit"], change["test"], change["device"], change["check"]) == (
        SHAS[STEP],
        TEST,
        "pi-1",
        "latency",
    )
    assert (change["after"], change["until"], change["commits"]) == (SHAS[STEP - 1], SHAS[STEP], 1)
    assert change["size"] == pytest.approx(0.03, abs=0.004)
    low, high = change["interval"]
    assert low < change["size"] < high
    assert change["confidence"] == 0.95
    assert change["p_value"] < 0.001
    table = grown.done("changes", "--test", TEST)
    assert SHAS[STEP][:10] in table
    assert grown.done("changes", "--since", "2999-01-01") == "no change of level is known\n"


def test_a_history_is_drawn_in_the_terminal_and_as_svg(grown: CommandLine) -> None:
    drawn = grown.done("history", TEST.partition("[")[0], "--svg", "history.svg")
    assert f"{TEST} on pi-1, latency: 40 commits" in drawn
    assert len(re.findall("[⠁-⣿]", drawn)) > 40  # braille dots
    assert f"26: {SHAS[STEP][:10]}, +3." in drawn
    assert "\x1b[" not in drawn  # no colours where nobody sees them
    picture = ElementTree.fromstring((grown.folder / "history.svg").read_text())
    words = [element.text or "" for element in picture.iter() if element.tag.endswith("text")]
    assert any(word.startswith(TEST) for word in words)
    assert SHAS[STEP][:10] in words
    assert any(re.fullmatch(r"\+3\.\d %", word) for word in words)


def test_a_history_is_read_by_scripts(grown: CommandLine) -> None:
    (series,) = json.loads(grown.done("history", TEST, "--device", "pi-1", "--json"))
    assert [point["commit"] for point in series["points"]] == SHAS
    assert {point["history"] for point in series["points"]} == {0}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", series["points"][0]["at"])
    assert len(series["changes"]) == 1


def test_an_accepted_commit_begins_a_level_that_is_said_to_be_meant(grown: CommandLine) -> None:
    words = ("--commit", SHAS[STEP], "--reason", "exact", "--until", "2999-12-31", "--json")
    number = json.loads(grown.done("accept", TEST, *words))["id"]
    try:
        (change,) = json.loads(grown.done("changes", "--json"))
        assert change["accepted"] == number
        assert f"accepted ({number})" in grown.done("history", TEST)
    finally:
        grown.done("accept", "--withdraw", str(number), "--reason", "a test")


@ON_SQLITE
def test_what_creeps_below_the_target_with_each_commit_is_listed(memory: Memory, desk: CommandLine) -> None:
    rng = np.random.default_rng(4)
    for i in range(30):
        found = compared(rng, 0.002, candidate=f"{i + 1:064x}", baseline=f"{i:064x}", pairs=6, between=0.0005)
        level = float(np.exp(0.002 * i + rng.normal(0, 0.002)))
        levels = {side: replace(times, p50=1e-3 * level) for side, times in found.quantiles.items()}
        keep(memory, replace(found, quantiles=levels), commit=SHAS[i])
    creeps = [entry for entry in json.loads(desk.done("changes", "--json")) if entry["kind"] == "creep"]
    assert [(entry["after"], entry["until"]) for entry in creeps] == [(SHAS[0], SHAS[29])]
    assert creeps[0]["size"] == pytest.approx(0.06, abs=0.02)
    assert "creeping from" in desk.done("changes")
    assert "creeping: +" in desk.done("history", TEST)
    assert "creeping" not in desk.done("changes", "--target", "20")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("history", "kernels.test_sxapy::test_saxpy[pi-1000]"), f"did you mean {TEST}?"),
        (("history", TEST, "--device", "pi-9"), "nothing is remembered of 'pi-9'; there is pi-1"),
        (("history", TEST, "--check", "size"), "there is latency"),
        (("history", TEST, "--branch", "none"), "expected a branch or commit of the repository here, found 'none'"),
        (("history", TEST, "--svg", "/nowhere/at/all.svg"), "cannot write /nowhere/at/all.svg"),
        (("changes", "--since", "soon"), "'soon' is no day"),
    ],
)
def test_words_that_name_nothing_are_refused(grown: CommandLine, words: tuple[str, ...], message: str) -> None:
    done = grown.run(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert message in done.stderr


@ON_SQLITE
def test_only_a_branchs_own_commits_are_drawn_in_its_order(memory: Memory, desk: CommandLine) -> None:
    git = ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run([*git, "init", "-q"], cwd=desk.folder, check=True)
    commits = []
    for number in range(3):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", str(number)], cwd=desk.folder, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=desk.folder, check=True, capture_output=True, text=True)
        commits.append(head.stdout.strip())
    rng = np.random.default_rng(1)
    for place, commit in enumerate((commits[2], "f" * 40, commits[0])):
        keep(memory, compared(rng, candidate=f"{place:064x}"), commit=commit)
    (series,) = json.loads(desk.done("history", TEST, "--branch", "HEAD", "--json"))
    assert [point["commit"] for point in series["points"]] == [commits[0], commits[2]]


@ON_SQLITE
def test_one_commit_is_a_history_too(memory: Memory, desk: CommandLine) -> None:
    keep(memory, compared(np.random.default_rng(1)), commit=None, identity=replace(IDENTITY, threads=4))
    assert "1 commit\n" in desk.done("history", TEST)
    assert desk.done("changes") == "no change of level is known\n"


@pytest.mark.parametrize("typed", ["kernels.te", "kernels.test_saxpy::te", "kernels.test_saxpy::test_saxpy[p", ""])
def test_bash_completes_the_names_of_tests_colons_and_all(grown: CommandLine, typed: str, tmp_path: Path) -> None:
    ontarget = tmp_path / "ontarget"
    ontarget.write_text('#!/bin/sh\nexec python -m ontarget.device_farm.cli "$@"\n')
    ontarget.chmod(0o755)
    script = grown.done("completion", "bash")
    line = f"ontarget history {typed}"
    ask = f'COMP_LINE={line!r} COMP_POINT={len(line)}\n_ontarget_completion {ontarget}\necho "${{COMPREPLY[@]}}"'
    words = ["bash", "-c", f"{script}\n{ask}"]
    environment = _with_python(grown)
    done = subprocess.run(words, cwd=grown.folder, env=environment, capture_output=True, text=True, check=True)
    before = typed.rpartition(":")[0] + ":" if ":" in typed else ""
    assert before + done.stdout.strip().replace("\\", "") == TEST


def _with_python(line: CommandLine) -> dict[str, str]:
    environment = line.environ()
    return {**environment, "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
