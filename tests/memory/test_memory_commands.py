"""`ontarget accept`, `export` and `prune`, as processes."""

import csv
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from ontarget.device_farm.database import open_database
from ontarget.device_farm.memory import schema
from ontarget.device_farm.memory.memory import Memory
from ontarget.harness.metrics.pairs import SIDES
from ontarget.harness.outcomes import Answer
from support.commands import CommandLine
from support.memories import IDENTITY, TEST, compared, keep

# What differs between databases is tested without processes.
pytestmark = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
RNG = np.random.default_rng(5)
SHA = "abcdef0123456789abcdef0123456789abcdef01"
ACCEPT = ("accept", TEST, "--commit", SHA, "--reason", "rounds as the standard says", "--until", "2999-12-31")


def test_a_slow_down_is_accepted_listed_and_withdrawn(memory: Memory, desk: CommandLine) -> None:
    keep(memory, compared(RNG))
    made = json.loads(desk.done(*ACCEPT, "--model", "pi", "--json"))
    assert (made["test"], made["commit"], made["until"]) == (TEST, SHA, "3000-01-01T00:00:00Z")
    assert (made["model"], made["device"], made["withdrawn"]) == ("pi", None, None)
    assert json.loads(desk.done("accept", "--list", "--json")) == [made]
    assert "rounds as the standard says" in desk.done("accept", "--list")
    done = desk.done("accept", "--withdraw", str(made["id"]), "--reason", "it was slower than thought")
    assert done.startswith("withdrawn")
    assert json.loads(desk.done("accept", "--list", "--json")) == []
    (ended,) = json.loads(desk.done("accept", "--list", "--all", "--json"))
    assert ended["withdrawn_why"] == "it was slower than thought"
    assert [entry["action"] for entry in memory.audit()] == ["accept", "withdraw"]
    again = desk.run("accept", "--withdraw", str(made["id"]), "--reason", "again")
    assert (again.returncode, again.stdout) == (2, "")


def test_a_test_without_parameters_stands_for_all_of_them(memory: Memory, desk: CommandLine) -> None:
    keep(memory, compared(RNG))
    words = list(ACCEPT)
    words[1] = TEST.partition("[")[0]
    assert json.loads(desk.done(*words, "--json"))["test"] == words[1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({1: "kernels.test_saxpy::test_saxpi[pi-1000]"}, f"did you mean {TEST}?"),
        ({3: "soon"}, "expected a commit's name of 7 digits or more, found 'soon'"),
        ({5: "   "}, "--reason: expected words"),
        ({7: "2020-01-01"}, "expected an end in the future, found 2020-01-01, which has passed"),
        ({7: "tomorrow"}, "expected a day such as 2026-12-31"),
        ({7: "2026-02-30"}, "expected a day such as 2026-12-31"),
        ({7: "2999-01-01T00:00:00"}, "it has no time zone"),
        ({6: "--device", 7: "pi-7"}, "missing: --until"),
    ],
)
def test_what_cannot_be_accepted_is_refused(
    memory: Memory, desk: CommandLine, changed: dict[int, str], message: str
) -> None:
    keep(memory, compared(RNG))
    words = [changed.get(place, word) for place, word in enumerate(ACCEPT)]
    done = desk.run(*words)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert memory.acceptances(over=True) == []


def test_an_unknown_device_is_refused_with_those_that_there_are(memory: Memory, desk: CommandLine) -> None:
    keep(memory, compared(RNG))
    done = desk.run(*ACCEPT, "--device", "pi-7")
    assert done.returncode == 2
    assert "was never measured on 'pi-7', but on pi-1" in done.stderr


def test_a_short_name_of_a_commit_becomes_the_whole_where_git_knows_it(memory: Memory, desk: CommandLine) -> None:
    keep(memory, compared(RNG))
    git = ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run([*git, "init", "-q"], cwd=desk.folder, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], cwd=desk.folder, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=desk.folder, check=True, capture_output=True, text=True)
    words = list(ACCEPT)
    words[3] = head.stdout[:8]
    assert json.loads(desk.done(*words, "--json"))["commit"] == head.stdout.strip()


def test_comparisons_are_exported_whole_and_by_test_device_and_time(memory: Memory, desk: CommandLine) -> None:
    other = replace(IDENTITY, test="kernels.test_other::test_it[pi]", device="pi-2")
    keep(memory, compared(RNG, 0.03, answer=Answer.REGRESSED), commit=SHA)
    keep(memory, compared(RNG), identity=other)
    assert desk.done("export", "all.csv") == "2 comparisons written to all.csv\n"
    with (desk.folder / "all.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["test"], first["commit"], first["answer"], first["cores"]) == (TEST, SHA, "regressed", "3")
    assert float(first["effect"]) == pytest.approx(0.03, abs=0.01)
    assert second["device"] == "pi-2"
    for words, count in (
        (("--test", TEST), 1),
        (("--test", "kernels.test_other::test_it"), 1),
        (("--device", "pi-2"), 1),
        (("--check", "instructions"), 0),
        (("--since", "1h"), 2),
        (("--until", "1h"), 0),
        (("--since", "2000-01-01", "--until", "2999-01-01"), 2),
    ):
        assert desk.done("export", "some.csv", *words).startswith(f"{count} comparisons"), words


def test_parquet_has_every_sample_with_its_type(memory: Memory, desk: CommandLine) -> None:
    comparison = compared(RNG, ratio=3.0)
    keep(memory, comparison)
    desk.done("export", "all.parquet", "--rows", "samples")
    table = pq.read_table(desk.folder / "all.parquet").to_pylist()
    measured = [sample for sample in table if not sample["warmup"]]
    expected = sum(pair.samples[side].size for pair in comparison.pairs for side in SIDES)
    assert len(measured) == expected
    last = comparison.pairs[2].samples[SIDES[0]]
    ours = [
        (sample["burst"], sample["sample"], sample["nanoseconds"])
        for sample in measured
        if sample["pair"] == 2 and sample["side"] == "candidate"
    ]
    assert ours == [(i, j, int(last[i, j])) for i in range(last.shape[0]) for j in range(last.shape[1])]
    desk.done("export", "pairs.parquet", "--rows", "pairs")
    pairs = pq.read_table(desk.folder / "pairs.parquet")
    assert pairs.column("difference").to_pylist() == pytest.approx(comparison.differences())


def test_without_pyarrow_it_is_said_what_to_install_and_no_file_is_left(
    memory: Memory, desk: CommandLine, tmp_path: Path
) -> None:
    keep(memory, compared(RNG))
    (tmp_path / "no" / "pyarrow").mkdir(parents=True)
    (tmp_path / "no" / "pyarrow" / "__init__.py").write_text("raise ImportError('not here')")
    done = desk.run("export", "all.parquet", PYTHONPATH=str(tmp_path / "no"))
    assert done.returncode == 2
    assert "pip install 'ontarget[parquet]'" in done.stderr
    assert [path.name for path in desk.folder.iterdir() if "parquet" in path.name] == []


def test_damaged_samples_are_named_left_out_and_not_passed_over_in_silence(
    memory: Memory, desk: CommandLine, address: str
) -> None:
    keep(memory, compared(RNG))
    keep(memory, compared(RNG))
    database = open_database(address)
    with database.writing() as connection:
        first = update(schema.evidence).where(schema.evidence.c.comparison == 1)
        connection.execute(first.values(samples=b"OTSM and more that is no sample"))
    database.close()
    done = desk.run("export", "pairs.csv", "--rows", "pairs")
    assert done.returncode == 3
    assert TEST in done.stderr
    assert "20" not in done.stdout.split()[0]
    assert done.stdout.startswith("10 pairs written")


@pytest.mark.parametrize(
    "words", [("export", "all.txt"), ("export", "/nowhere/all.csv"), ("prune", "--keep-newest", "0")]
)
def test_wrong_words_are_refused(memory: Memory, desk: CommandLine, words: tuple[str, ...]) -> None:
    keep(memory, compared(RNG))
    done = desk.run(*words)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_pruning_says_what_goes_and_what_would(memory: Memory, desk: CommandLine) -> None:
    numbers = [keep(memory, compared(RNG), commit=f"{i:040x}") for i in range(5)]
    words = ("prune", "--older-than", "0", "--keep-newest", "2", "--json")
    looked = json.loads(desk.done(*words, "--dry-run"))
    assert (looked["pruned"], looked["kept"], looked["dry_run"]) == (3, 2, True)
    assert all(memory.measured(number) is not None for number in numbers)
    assert "the samples of 0 comparisons" in desk.done("prune")  # nothing is old enough
    assert {**looked, "dry_run": False} == json.loads(desk.done(*words))
    assert [memory.measured(number) is None for number in numbers] == [True, True, True, False, False]
    assert memory.audit()[-1]["action"] == "prune"
