"""`--self-test`, `--budget` and the limits of one test, as a user types them."""

from pathlib import Path

import pytest

from ontarget.fixtures.allowance import Allowance
from support.plugin_runs import CALL, SAXPY, Desk

LOCAL = ("--on", "local")
TESTS = CALL + (
    """
def test_speed(candidate, baseline, latency):
    latency.compare(call, candidate, baseline)

def test_right(candidate, baseline, accuracy):
    accuracy.check(call, candidate, baseline, result="y", expected=EXPECTED, terms=2)
"""
)


@pytest.fixture
def good(desk: Desk) -> Path:
    desk.write("test_x.py", TESTS)
    return desk.library("good", SAXPY)


def test_a_self_test_needs_no_baseline_and_tells_what_the_device_resolves(desk: Desk, good: Path) -> None:
    ran = desk.run(*LOCAL, "--candidate", good, "--self-test", "--pairs", "12")
    assert "1 deselected" in ran.output
    (record,) = ran.records()
    assert record["check"] == "latency"
    told = record["self_test"]
    assert told["pairs"] <= 12
    assert set(told["answers"]) == {"latency", "latency-spread", "latency-tail"}
    assert ran.results is not None
    (found,) = ran.results["self_test"].values()
    assert (found["tests"], found["checks"]) == (1, 3)
    assert found["false_alarms"] == len(told["false_alarms"])
    assert f"local: {found['false_alarms']} false alarms in 3 checks of 1 tests" in ran.output
    assert ran.status == (1 if told["false_alarms"] else 0)


def test_results_of_other_runs_have_no_self_test(desk: Desk, good: Path) -> None:
    ran = desk.run(*LOCAL, "--candidate", good, "-k", "right")
    assert ran.results is not None
    assert ran.results["self_test"] is None
    (record,) = ran.records()
    assert record["self_test"] is None
    assert record["accuracy"]["candidate"]["digest"]
    assert record["accuracy"]["candidate"]["worst_ulp"] is not None
    assert record["accuracy"]["baseline"] is None


def test_the_pairs_of_a_test_are_limited(desk: Desk, good: Path) -> None:
    ran = desk.run(*LOCAL, "--candidate", good, "--baseline", good, "--pairs", "3", "-k", "speed")
    assert ran.status == 0, ran.output
    (record,) = ran.records()
    assert record["verdict"]["pairs"] <= 3
    assert record["quantiles"]["candidate"]["p50"] > 0
    assert {finding["check"] for finding in record["findings"]} == {"latency-spread", "latency-tail"}


def test_a_budget_that_is_spent_leaves_tests_inconclusive_and_says_so(desk: Desk, good: Path) -> None:
    ran = desk.run(*LOCAL, "--candidate", good, "--baseline", good, "--budget", "0.001s", "-k", "speed")
    assert ran.status == 0, ran.output
    (record,) = ran.records()
    assert record["outcome"] == "inconclusive"
    assert "within 60 pairs and 0.001 s" in record["message"]


@pytest.mark.parametrize("option", [("--pairs", "0"), ("--threads", "0"), ("--budget", "soon"), ("--test-time", "-1s")])
def test_limits_that_make_no_sense_are_refused(desk: Desk, good: Path, option: tuple[str, str]) -> None:
    ran = desk.run(*LOCAL, "--candidate", good, *option)
    assert ran.status == 4, ran.output
    assert option[0] in ran.output


def test_threads_are_asked_for_by_a_mark_or_for_all(desk: Desk, good: Path) -> None:
    desk.write(
        "test_x.py",
        CALL
        + """
SEEN = []

def seen(library):
    SEEN.append(library.threads)
    return call(library)

@pytest.mark.threads(3)
def test_marked(candidate, accuracy):
    accuracy.check(seen, candidate, result="y", expected=EXPECTED, terms=2)
    assert SEEN.pop() == 3

def test_unmarked(candidate, accuracy):
    accuracy.check(seen, candidate, result="y", expected=EXPECTED, terms=2)
    assert SEEN.pop() == 2

@pytest.mark.threads("many")
def test_wrongly_marked(candidate, accuracy):
    accuracy.check(seen, candidate, result="y", expected=EXPECTED, terms=2)
""",
    )
    ran = desk.run(*LOCAL, "--candidate", good, "--threads", "2")
    assert [record["outcome"] for record in ran.records()] == ["pass", "pass", "user-error"]


def test_a_test_takes_what_clear_ones_left_and_never_what_is_kept_for_the_others() -> None:
    allowance = Allowance(budget=100.0, tests=10)
    assert allowance.of_next(60.0) == 60.0  # 100 less a third of 10 s for each of nine is 70
    allowance.spend(60.0)
    assert allowance.of_next(60.0) == pytest.approx(100 - 60 - 8 * 10 / 3)
    for _ in range(8):
        allowance.spend(1.0)
    assert allowance.of_next(60.0) == pytest.approx(32.0)
    allowance.spend(40.0)
    assert allowance.of_next(60.0) == 0.0


def test_without_a_budget_each_test_has_its_own_limit() -> None:
    allowance = Allowance(budget=None, tests=10)
    allowance.spend(1e6)
    assert allowance.of_next(60.0) == 60.0
