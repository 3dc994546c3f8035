"""What a store keeps of a run is what the run's own file says."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.errors import BadResults, CorruptSamples
from ontarget.device_farm.memory.rollup import count, pack, unpack
from ontarget.device_farm.reports.reading import results_from
from ontarget.device_farm.reports.view import RunView, modelless
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import CheckRecord, RunResults, Verdict
from support.farm_pages import failing_results

ratios = st.none() | st.integers(-999, 99999).map(lambda number: number / 1000)
verdicts = st.builds(
    Verdict,
    answer=st.sampled_from(Answer),
    effect=ratios,
    interval=st.tuples(ratios, ratios),
    pairs=st.integers(0, 60),
    e_value=ratios,
    confirmed=st.none() | st.booleans(),
)
names = st.text(min_size=1, max_size=12)
checks = st.builds(
    CheckRecord,
    id=names,
    device=st.none() | names,
    model=st.none() | names,
    layer=st.none() | names,
    dtype=st.sampled_from([None, "f32"]),
    check=st.sampled_from([None, "latency", "accuracy"]),
    outcome=st.sampled_from(Outcome),
    seconds=st.integers(0, 1000).map(float),
    message=st.text(max_size=30),
    verdict=st.none() | verdicts,
    operator=st.none() | names,
)


@given(st.lists(checks, max_size=12))
def test_results_come_back_as_they_were_kept(tests: list[CheckRecord]) -> None:
    found = RunResults("c" * 40, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", [], tests)
    assert results_from(unpack(pack(found), "r"), "r") == found
    assert results_from(json.loads(json.dumps(found.to_json())), "a file") == found


@given(st.lists(checks, max_size=12))
def test_a_runs_view_leaves_no_check_out(tests: list[CheckRecord]) -> None:
    view = RunView(RunResults(None, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", [], tests))
    assert sum(cell.counts[o] for row in view.grid.values() for cell in row.values() for o in cell.counts) == len(tests)
    assert sum(view.counts.values()) == len(tests) == len(view.matching())
    assert [check.outcome.failed for check in view.failed] == [True] * len(view.failed)
    for operator, row in view.grid.items():
        for model, cell in row.items():
            assert view.matching(operator, model)[0].outcome is cell.worst
    by_model = {(model, outcome): n for model, counts in view.totals.items() for outcome, n in counts.items()}
    assert by_model == dict(count(tests))


def test_results_of_other_versions_are_read_as_far_as_they_are_known() -> None:
    plain = json.loads(json.dumps(asdict(failing_results())))
    for check in plain["tests"]:
        check["something_new"] = 1
        del check["operator"]
    found = results_from(plain, "r")
    assert [replace(check, operator=None) for check in failing_results().tests] == found.tests


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: plain["tests"][0].update(outcome="splendid"),
        lambda plain: plain["tests"][0].pop("id"),
        lambda plain: plain["tests"][0]["verdict"].update(interval=[1]),
        lambda plain: plain.update(tests=3),
        lambda plain: plain.pop("started"),
    ],
)
def test_what_is_no_results_is_said(damage: object) -> None:
    plain = json.loads(json.dumps({"schema": 1, **asdict(failing_results())}))
    damage(plain)  # type: ignore[operator]
    with pytest.raises(BadResults, match=r"here\.json"):
        results_from(plain, "here.json")
    with pytest.raises(BadResults, match="expected results of schema 1, found 2"):
        results_from({"schema": 2, "tests": []}, "here.json")


def test_damaged_results_name_their_run() -> None:
    packed = pack(failing_results())
    for broken in (packed[:-9], packed[:20], b"", b"junk", packed[:30] + b"x" + packed[31:]):
        with pytest.raises(CorruptSamples, match="run abc"):
            unpack(broken, "abc")


@pytest.mark.parametrize(
    ("test", "model", "bare"),
    [
        ("a::test_x[pi-1000]", "pi", "a::test_x[1000]"),
        ("a::test_x[pi]", "pi", "a::test_x"),
        ("a::test_x[pi-4-1000]", "pi-4", "a::test_x[1000]"),
        ("a::test_x[pine-1]", "pi", "a::test_x[pine-1]"),
        ("a::test_x", None, "a::test_x"),
    ],
)
def test_a_test_without_its_model(test: str, model: str | None, bare: str) -> None:
    assert modelless(test, model) == bare
