"""What a store remembers of measurements, on SQLite and PostgreSQL."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, update

from ontarget.device_farm.database import open_database
from ontarget.device_farm.errors import CorruptSamples, NoSuchAcceptance
from ontarget.device_farm.memory import schema
from ontarget.device_farm.memory.acceptance import Acceptance
from ontarget.device_farm.memory.export import Rows, Wanted
from ontarget.device_farm.memory.memory import Memory
from ontarget.device_farm.memory.pruning import Policy
from ontarget.device_farm.memory.rows import Kind
from ontarget.harness.metrics.pairs import SIDES
from ontarget.harness.outcomes import Answer
from support.memories import IDENTITY, TEST, compared, keep, record_of

RNG = np.random.default_rng(11)


def test_the_migration_makes_the_tables_that_the_code_knows(address: str) -> None:
    database = open_database(address)
    with database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    database.close()
    ours = {f"'{name}'" for name in schema.metadata.tables}
    assert [
        change for change in found if change[0] != "remove_table" and any(name in repr(change) for name in ours)
    ] == []


def test_every_sample_comes_back(memory: Memory) -> None:
    comparison = compared(RNG, 0.03, ratio=5.0)
    number = keep(memory, comparison)
    found = memory.measured(number)
    assert found is not None
    assert found.level_ratios == (5.0,)
    for kept, measured in zip(found.pairs, comparison.pairs, strict=True):
        assert (kept.first, kept.before, kept.flaw) == (measured.first, measured.before, measured.flaw)
        for side in SIDES:
            assert np.array_equal(kept.samples[side], measured.samples[side])
            assert np.array_equal(kept.warmups[side], measured.warmups[side])


def test_a_point_says_what_was_measured(memory: Memory) -> None:
    comparison = compared(RNG, 0.03, answer=Answer.REGRESSED)
    keep(memory, comparison, commit="2" * 40)
    (point,) = memory.series(TEST, "pi-1", "latency")
    assert (point.commit, point.candidate, point.baseline) == ("2" * 40, "c" * 64, "b" * 64)
    assert (point.answer, point.unit, point.history) == (Answer.REGRESSED, "s", 0)
    assert point.effect == pytest.approx(comparison.verdict.effect)
    assert point.level == pytest.approx(1.03e-3, rel=0.01)
    assert memory.tests() == [TEST]
    assert memory.known_series() == [(TEST, "pi-1", "latency")]
    assert memory.series(TEST, "pi-2", "latency") == []
    assert memory.commit_of("c" * 64) == "2" * 40
    assert memory.commit_of("b" * 64) is None


def test_what_identical_builds_differ_by_is_learnt(memory: Memory) -> None:
    same = [compared(RNG, candidate="c" * 64, baseline="c" * 64) for _ in range(2)]
    passed = compared(RNG, 0.01)
    for comparison in (*same, passed):
        keep(memory, comparison)
    keep(memory, compared(RNG, 0.05, answer=Answer.REGRESSED))
    expected = passed.differences()
    known = memory.differences(IDENTITY)
    assert known.note is None
    assert known.differences is not None
    whole = np.concatenate([*(comparison.differences() for comparison in same), expected - np.median(expected)])
    assert known.differences == pytest.approx(whole)


def test_too_little_is_not_learnt_from(memory: Memory) -> None:
    keep(memory, compared(RNG))
    assert memory.differences(IDENTITY).differences is None


def test_a_noisier_device_is_noticed_and_said(memory: Memory) -> None:
    for between in [0.0005] * 6 + [0.01] * 3:
        keep(memory, compared(RNG, between=between))
    known = memory.differences(IDENTITY)
    assert known.differences is not None
    assert known.differences.size == 30
    assert "60 differences" in str(known.note)
    assert "no longer learnt from: the usual difference went from" in str(known.note)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"system": "Linux 7.0; Debian 14; aarch64"},
            "the system image changed from Linux 6.12; Debian 13; aarch64",
        ),
        ({"cores": (0, 1)}, "the cores in use changed from 3 to 0,1"),
        ({"threads": 4}, "the number of threads changed from 1 to 4"),
        ({"clock": "instructions"}, "what the clock counts changed from time to instructions"),
        ({"agent": "d" * 64}, "the agent changed from"),
    ],
)
def test_unlike_conditions_are_another_history_and_the_reason_is_given(
    memory: Memory, change: dict[str, object], said: str
) -> None:
    for _ in range(4):
        keep(memory, compared(RNG), commit="1" * 40)
    other = replace(IDENTITY, **change)  # type: ignore[arg-type]  # each is of its field's type
    known = memory.differences(other)
    assert known.differences is None
    assert said in str(known.note)
    keep(memory, compared(RNG), commit="2" * 40, identity=other)
    assert memory.differences(other).note is None
    before, after = memory.series(TEST, "pi-1", "latency")
    assert (before.history, after.history, before.because) == (0, 1, None)
    assert said in str(after.because)


def test_steps_are_told_by_effects_though_sessions_drift(memory: Memory) -> None:
    builds = [f"{i:064x}" for i in range(12)]
    for i in range(1, 12):
        slowdown = 0.04 if i == 6 else 0.0
        comparison = compared(RNG, slowdown, candidate=builds[i], baseline=builds[i - 1], between=0.001)
        drift = float(np.exp(RNG.normal(0, 0.03)))
        shifted = {side: replace(found, p50=found.p50 * drift) for side, found in comparison.quantiles.items()}
        keep(memory, replace(comparison, quantiles=shifted), commit=f"{i:040x}")
    levels = np.log([point.level for point in memory.series(TEST, "pi-1", "latency")])
    steps = np.diff(levels)
    assert np.argmax(steps) == 4
    assert steps[4] == pytest.approx(np.log(1.04), abs=0.004)
    assert np.max(np.abs(np.delete(steps, 4))) < 0.004


def test_levels_are_in_ratio_to_the_reference_where_it_was_timed(memory: Memory) -> None:
    for i in range(4):
        comparison = replace(compared(RNG, ratio=5.0 + 0.1 * i, candidate=f"{i:064x}"), pairs=())
        keep(memory, replace(comparison, verdict=replace(comparison.verdict, effect=None)), commit=f"{i:040x}")
    found = memory.series(TEST, "pi-1", "latency")
    assert [point.unit for point in found] == ["ratio"] * 4
    assert np.log([point.level for point in found]) == pytest.approx([5.0, 5.1, 5.2, 5.3])
    assert {point.unit for point in memory.series(TEST, "pi-1", "latency", in_ratio=False)} == {"s"}


def test_levels_for_the_newest_are_those_since_what_was_accepted_last(memory: Memory) -> None:
    for i in range(6):
        comparison = replace(compared(RNG, ratio=5.0 + 0.1 * i), pairs=())
        keep(memory, comparison, commit=f"{i:x}" * 40, accepted=7 if i == 2 else None)
    assert memory.levels(IDENTITY, "f" * 64) == pytest.approx([5.2, 5.3, 5.4, 5.5])
    assert memory.levels(IDENTITY, "e" * 64).size == 0
    assert memory.levels(replace(IDENTITY, threads=2), "f" * 64).size == 0
    memory.accept(Acceptance(0, TEST, "4444444", "meant", "ann@desk", 0.0, memory.now() + 60))
    assert memory.levels(IDENTITY, "f" * 64) == pytest.approx([5.4, 5.5])


def test_bisecting_old_commits_adds_no_new_ones(memory: Memory) -> None:
    keep(memory, compared(RNG), commit="1" * 40)
    run = memory.begin_run(commit="0" * 40, purpose="bisect", started=0.0)
    old = compared(RNG, candidate="d" * 64)
    memory.record(run, IDENTITY, old, record_of(old), kind=Kind.BISECT)
    assert [point.commit for point in memory.series(TEST, "pi-1", "latency")] == ["1" * 40]


def test_damaged_samples_name_run_and_test_and_leave_the_rest_usable(memory: Memory, address: str) -> None:
    number = keep(memory, compared(RNG))
    database = open_database(address)
    with database.writing() as connection:
        blob = connection.execute(select(schema.evidence.c.samples)).scalar_one()
        broken = blob[:-7] + b"garbage"
        connection.execute(update(schema.evidence).values(samples=broken))
        run = connection.execute(select(schema.comparisons.c.run)).scalar_one()
    database.close()
    with pytest.raises(CorruptSamples) as found:
        memory.measured(number)
    assert run in str(found.value)
    assert TEST in str(found.value)
    assert str(found.value).startswith("pi-1: ")
    assert len(memory.series(TEST, "pi-1", "latency")) == 1


def test_a_run_is_begun_once_whoever_begins_it(memory: Memory, address: str) -> None:
    run = memory.begin_run(commit="1" * 40, purpose="one", started=1.0)
    assert memory.begin_run(commit="1" * 40, purpose="one", started=1.0, run=run) == run
    memory.finish_run(run)
    database = open_database(address)
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.runs)).scalar_one() == 1
        assert connection.execute(select(schema.runs.c.finished)).scalar_one() is not None
    database.close()


def test_durations_and_units_are_those_of_the_latest_runs(memory: Memory) -> None:
    run = memory.begin_run(commit=None, purpose="one", started=1.0)
    memory.finish_run(run, [(TEST, "pi", "pi-1", 4.0), ("other", "pi", "pi-2", 1.0)])
    memory.finish_run(run, [(TEST, "pi", "pi-2", 8.0)])
    assert memory.durations() == {(TEST, "pi"): 6.0, ("other", "pi"): 1.0}
    assert memory.last_units() == {(TEST, "pi"): "pi-2", ("other", "pi"): "pi-2"}


def test_acceptances_end_by_date_or_when_they_are_withdrawn_and_stay_in_the_log(memory: Memory) -> None:
    now = memory.now()
    wanted = Acceptance(0, TEST, "abc1234", "the new rounding", "ann@desk", 0.0, now + 3600, model="pi")
    kept = memory.accept(wanted)
    passing = memory.accept(replace(wanted, until=now - 1))
    assert memory.acceptances() == [kept]
    assert memory.acceptances(over=True) == [kept, passing]
    ended = memory.withdraw(kept.id, "bob@desk", "not so small after all")
    assert (ended.withdrawn_by, ended.withdrawn_why) == ("bob@desk", "not so small after all")
    assert memory.acceptances() == []
    with pytest.raises(NoSuchAcceptance, match="accept --list"):
        memory.withdraw(kept.id, "bob@desk", "again")
    log = [(entry["action"], entry["author"], entry["detail"]["reason"]) for entry in memory.audit()]
    assert log[0] == ("accept", "ann@desk", "the new rounding")
    assert log[-1] == ("withdraw", "bob@desk", "the new rounding")


def test_pruning_keeps_what_verdicts_rest_on(memory: Memory) -> None:
    accepted_later = "a" * 40
    old = [keep(memory, compared(RNG), commit=f"{i:040x}") for i in range(3)]
    kept = [
        keep(memory, compared(RNG, 0.05, answer=Answer.REGRESSED)),
        keep(memory, compared(RNG, candidate="d" * 64, baseline="d" * 64)),
        keep(memory, compared(RNG), accepted=1),
        keep(memory, compared(RNG), commit=accepted_later),
        *(keep(memory, compared(RNG)) for _ in range(2)),
    ]
    memory.accept(Acceptance(0, TEST, accepted_later, "meant", "ann@desk", 0.0, memory.now() + 60))
    known = memory.differences(IDENTITY).differences
    assert known is not None
    assert memory.prune(Policy(age=3600), author="ann@desk").comparisons == 0
    done = memory.prune(Policy(age=0.0, newest=2), author="ann@desk")
    assert (done.comparisons, done.kept) == (3, 6)
    assert done.bytes > 1000
    assert [memory.measured(number) for number in old] == [None, None, None]
    assert all(memory.measured(number) is not None for number in kept)
    assert memory.differences(IDENTITY).differences == pytest.approx(known)
    assert memory.prune(Policy(age=0.0, newest=2), author="ann@desk").comparisons == 0


def test_all_rows_of_a_store_are_exported(memory: Memory, tmp_path: Path) -> None:
    for _ in range(3):
        keep(memory, compared(RNG, ratio=2.0))
    lost: list[str] = []
    for rows, count in ((Rows.COMPARISONS, 3), (Rows.PAIRS, 30)):
        assert memory.export(tmp_path / f"{rows}.csv", rows, Wanted(), lost.append) == count
    assert memory.export(tmp_path / "x.parquet", Rows.SAMPLES, Wanted(tests=[TEST]), lost.append) > 1000
    assert lost == []


def test_a_process_killed_while_it_records_leaves_no_half_record(memory: Memory, address: str) -> None:
    keep(memory, compared(RNG))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-c", HELD_UP, address]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in between\n"
        process.kill()
    assert len(memory.series(TEST, "pi-1", "latency")) == 1
    assert isinstance(keep(memory, compared(RNG)), int)
    database = open_database(address)
    with database.reading() as connection:
        for table in (schema.comparisons, schema.evidence):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 2
    database.close()


# Records a comparison, and stays where its summary is written and its samples are not.
HELD_UP = """
import sys, threading
import numpy as np
from sqlalchemy import event
from ontarget.device_farm.database import open_database
from ontarget.device_farm.memory.export import Rows, Wanted
from ontarget.device_farm.memory.memory import Memory
from ontarget.device_farm.memory.pruning import Policy
from support.memories import compared, keep

database = open_database(sys.argv[1])

@event.listens_for(database.engine, "before_cursor_execute")
def stay(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO evidence"):
        print("in between", flush=True)
        threading.Event().wait()

keep(Memory(database), compared(np.random.default_rng(1)))
"""
