"""What runs keep on the store of their devices, and what later runs make of it."""

import html
import json
import re
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ontarget.device_farm.memory.memory import Memory
from support.commands import CommandLine
from support.plugin_runs import CALL, SAXPY, Desk, Ran

SLOW = SAXPY.replace(
    "    for", "    for (size_t i = 0; i < n; i++) { volatile float again = x[i]; (void)again; }\n    for"
)
COMPARE = (
    CALL
    + """
def test_speed(candidate, baseline, latency):
    latency.compare(call, candidate, baseline)
"""
)
BREAKING = (
    CALL
    + """
import pathlib, sqlite3

@pytest.mark.parametrize("n", [1, 2])
def test_speed(candidate, baseline, latency, n):
    with sqlite3.connect(pathlib.Path(FARM)) as store:
        store.execute("DROP TABLE IF EXISTS evidence")
    latency.compare(call, candidate, baseline)
"""
)
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def desk(tmp_path: Path, root: Path) -> Desk:
    """With a store of its own: what one test leaves is not another's history."""
    made = Desk(tmp_path, tmp_path / "state", {"ONTARGET_ROOT": str(root)})
    made.library("fast", SAXPY)
    made.library("slow", SLOW)
    made.write("test_it.py", COMPARE)
    return made


def store(desk: Desk) -> Path:
    return desk.state / "ontarget" / "farm.db"


def ontarget(desk: Desk) -> CommandLine:
    return CommandLine(desk.folder, {"XDG_STATE_HOME": str(desk.state)})


def by_check(ran: Ran) -> dict[str, dict[str, Any]]:
    """The records by check: spread and tail may have records of their own."""
    return {record["check"]: record for record in ran.records()}


def rows(desk: Desk, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(store(desk)) as connection:
        return connection.execute(query).fetchall()


def test_a_run_keeps_its_comparisons_and_the_next_goes_on(desk: Desk) -> None:
    words = ("--on", "local", "--candidate", "fast.so", "--baseline", "fast.so", "test_it.py")
    assert desk.run(*words, "--commit", OLD).status == 0
    second = desk.run(*words, "--commit", NEW)
    assert second.status == 0
    ontarget(desk).done("report", "--results", NEW[:8], "--html", "run.html")
    page = (desk.folder / "run.html").read_text()
    assert second.records()[0]["message"] in html.unescape(page), "the store keeps what the run's file says"
    assert rows(desk, "SELECT sum(count) FROM run_total") == [(2,)]
    with Memory.open(f"sqlite:///{store(desk)}") as memory:
        ((test, device, check),) = memory.known_series()
        assert (test, device, check) == ("test_it::test_speed[local]", "local", "latency")
        assert [point.commit for point in memory.series(test, device, check)] == [OLD, NEW]
        measured = memory.measured(1)
        assert measured is not None
        assert len(measured.pairs) >= 5
        assert list(memory.last_units().values()) == ["local"]
        assert 0 < memory.durations()[test, "local"] < 240
    assert rows(desk, "SELECT count(*) FROM run WHERE finished IS NOT NULL") == [(2,)]


def test_a_run_without_memory_keeps_nothing(desk: Desk) -> None:
    ran = desk.run("--no-memory", "--on", "local", "--candidate", "fast.so", "--baseline", "fast.so", "test_it.py")
    assert ran.status == 0
    assert rows(desk, "SELECT count(*) FROM run") == [(0,)]


def test_a_run_without_devices_never_asks_for_a_store(desk: Desk) -> None:
    desk.write("test_plain.py", "def test_plain(): pass\n")
    assert desk.run("test_plain.py").status == 0
    assert not desk.state.exists()


def test_workers_keep_what_they_measure_in_one_run(desk: Desk) -> None:
    desk.write("farm.toml", 'version = 1\n[[device]]\nname = "a"\nconnect = "local"\nmodel = "m"\n')
    ran = desk.run("-n", "2", "--candidate", "fast.so", "--baseline", "fast.so", "test_it.py")
    assert ran.status == 0, ran.output
    with sqlite3.connect(desk.folder / "farm.db") as connection:
        assert connection.execute("SELECT count(DISTINCT run), count(*) FROM comparison").fetchall() == [(1, 1)]
        assert connection.execute("SELECT count(*) FROM run WHERE finished IS NOT NULL").fetchall() == [(1,)]
        assert connection.execute("SELECT device FROM duration").fetchall() == [("a",)]


def test_a_slow_down_that_is_meant_passes_and_is_in_every_report(desk: Desk) -> None:
    words = ("--on", "local", "--candidate", "slow.so", "--baseline", "fast.so", "--commit", NEW, "test_it.py")
    failed = desk.run(*words)
    assert failed.status == 1
    assert by_check(failed)["latency"]["outcome"] == "regressed"
    test = failed.records()[0]["id"]
    line = ontarget(desk)
    accept = ("accept", test, "--commit", NEW[:10], "--reason", "exact now", "--until", "2999-12-31", "--json")
    accepted = json.loads(line.done(*accept))
    passed = desk.run(*words)
    assert passed.status == 0, passed.output
    record = by_check(passed)["latency"]
    assert (record["outcome"], record["accepted"], record["verdict"]["answer"]) == ("pass", accepted["id"], "regressed")
    assert record["message"].startswith("accepted until 3000-01-01T00:00:00Z: exact now (")
    assert passed.results is not None
    assert passed.results["accepted"] == [accepted]
    assert re.search(r"accepted until .*test_speed\[local\] slower by bbbbbbbbbb: exact now", passed.output)
    other = desk.run(*("f" * 40 if word == NEW else word for word in words))
    assert other.status == 1, other.output
    assert other.results is not None
    assert other.results["accepted"] == [accepted]
    line.done("accept", "--withdraw", str(accepted["id"]), "--reason", "no")
    assert desk.run(*words).status == 1


def test_a_commit_below_the_candidate_is_meant_where_the_baseline_lacks_it(desk: Desk) -> None:
    def git(*words: str) -> str:
        said = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
        done = subprocess.run(["git", *said, *words], cwd=desk.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    commits = []
    for number in range(3):
        git("commit", "-q", "--allow-empty", "-m", str(number))
        commits.append(git("rev-parse", "HEAD"))
    base, meant, tip = commits
    speeds = {base: "fast.so", tip: "slow.so"}
    on = ("--on", "local", "test_it.py")
    # from here on the store knows which commit the baseline is of
    assert desk.run("--candidate", speeds[base], "--baseline", speeds[base], "--commit", base, *on).status == 0
    line = ontarget(desk)
    accept = ("accept", "test_it::test_speed", "--commit", meant, "--reason", "exact", "--until", "2999-12-31")
    line.done(*accept)
    assert desk.run("--candidate", speeds[tip], "--baseline", speeds[base], "--commit", tip, *on).status == 0
    line.done("accept", "--withdraw", "1", "--reason", "no")
    line.done(*(base if word == meant else word for word in accept))
    both = desk.run("--candidate", speeds[tip], "--baseline", speeds[base], "--commit", tip, *on)
    assert both.status == 1, both.output  # the baseline has it, too


def test_a_store_that_fails_takes_no_verdict_with_it_and_is_said_once(desk: Desk) -> None:
    desk.write("test_it.py", BREAKING.replace("FARM", repr(str(store(desk)))))
    ran = desk.run("--on", "local", "--candidate", "fast.so", "--baseline", "fast.so", "test_it.py")
    assert ran.status == 0, ran.output
    assert ran.outcomes() == [("latency", "pass")] * 2
    told = [line for line in ran.output.splitlines() if "RESULTS ARE NOT KEPT" in line]
    assert len(told) == 2, ran.output  # when it happens, and at the end
    assert "(2 comparisons not kept)" in told[1]
    assert "no such table: evidence" in told[1]
    assert rows(desk, "SELECT count(*) FROM comparison") == [(0,)]


def test_a_system_that_changed_begins_a_new_history_and_says_so(desk: Desk) -> None:
    words = ("--on", "local", "--candidate", "fast.so", "--baseline", "fast.so", "test_it.py")
    assert desk.run(*words).status == 0
    with sqlite3.connect(store(desk)) as connection:
        connection.execute("UPDATE subject SET system = 'Linux 1.0', key = 'another'")
    ran = desk.run(*words)
    assert ran.status == 0
    assert "a new history begins, as results so far are of unlike conditions: the system image changed" in ran.output
    assert "(1 test)" in ran.output


def test_without_a_baseline_the_newest_is_judged_by_earlier_sessions(desk: Desk) -> None:
    words = ("--on", "local", "--candidate", "fast.so", "--commit", OLD, "test_it.py")
    first = desk.run(*words)
    assert [(record["outcome"], record["message"]) for record in first.records()] == [("inconclusive", "no baseline")]
    ((ratio,),) = rows(desk, "SELECT ratio FROM comparison")
    with sqlite3.connect(store(desk)) as connection:  # as if there had been a month of such sessions
        columns = [row[1] for row in connection.execute("PRAGMA table_info(comparison)")]
        names = ", ".join(name for name in columns if name not in ("id", "ratio"))
        copy = f"INSERT INTO comparison (ratio, {names}) SELECT ?, {names} FROM comparison WHERE id = 1"
        connection.executemany(copy, [(ratio + 0.01 * (-1) ** number,) for number in range(20)])
    slow = desk.run(*("slow.so" if word == "fast.so" else word for word in words))
    assert slow.status == 1, slow.output
    record = by_check(slow)["latency"]
    assert (record["outcome"], record["verdict"]["answer"]) == ("regressed", "regressed")
    assert record["message"].startswith("no baseline; against 21 earlier sessions: ")
    required = desk.run("--require-baseline", *words)
    assert [record["message"] for record in required.records()] == ["no baseline"]
    assert required.status == 1
