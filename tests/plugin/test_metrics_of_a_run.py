"""Metrics are chosen by a mark or an option, and each is a check of its own in the results."""

import json

from support.plugin_runs import CALL, SAXPY, Desk

LOCAL = ("--on", "local", "--pairs", "12")
TESTS = CALL + (
    """
@pytest.mark.metrics("library-size")
def test_marked(candidate, baseline, latency):
    latency.compare(call, candidate, baseline)
"""
)
PADDED = SAXPY + "\nconst char padding[1 << 16] = {1};\n"


def test_each_metric_is_a_check_with_a_verdict_of_its_own(desk: Desk) -> None:
    desk.write("test_x.py", TESTS)
    good, large = desk.library("good", SAXPY), desk.library("large", PADDED)
    ran = desk.run(
        *LOCAL, "--candidate", large, "--baseline", good, "--metric", "peak-memory", "--alluredir", desk.folder / "out"
    )
    assert ran.status == 1, ran.output
    records = {record["check"]: record for record in ran.records()}
    assert {"latency", "library-size", "peak-memory"} <= set(records)
    # the first says no, and the others are judged all the same
    assert records["library-size"]["outcome"] == "regressed"
    assert records["library-size"]["verdict"]["answer"] == "regressed"
    assert records["peak-memory"]["quantiles"]["candidate"]["p50"] > 1 << 16
    assert records["peak-memory"]["verdict"]["pairs"] > 0
    told = [json.loads(path.read_text()) for path in (desk.folder / "out").glob("*-result.json")]
    assert any("library-size" in json.dumps(result) for result in told)


def test_an_unknown_metric_is_a_mistake(desk: Desk) -> None:
    desk.write("test_x.py", TESTS)
    ran = desk.run(*LOCAL, "--candidate", desk.library("good", SAXPY), "--metric", "heat")
    assert ran.status == 4
    assert "library-size" in ran.output
