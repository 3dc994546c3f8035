"""What programs print, read by their parsers: real samples, and anything else without a crash."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.errors import UserError
from ontarget.harness.programs import formats
from ontarget.harness.programs.formats import Format, format_named, google_benchmark, googletest
from ontarget.harness.programs.results import BadOutput, Case, CaseResult, Output, State, cost

OPTIONS = {"regex": {"pattern": r"(?P<name>\w+) took (?P<value>\S+) (?P<unit>\S+)"}}


def every_format() -> list[Format]:
    return [format_named(name, **OPTIONS.get(name, {})) for name in formats.names()]


def costs(found: list[CaseResult]) -> dict[str, object]:
    assert all(case.state is State.OK for case in found)
    return {case.name: pytest.approx(list(case.values)) for case in found}


def row(name: str, time: float, **more: object) -> dict[str, object]:
    return {"name": name, "run_name": name, "run_type": "iteration", "real_time": time, "time_unit": "ns", **more}


def benchmarks(*rows: dict[str, object]) -> Output:
    return Output(result=json.dumps({"context": {"new_field": 1}, "benchmarks": rows}).encode())


def test_each_format_is_found_by_its_file() -> None:
    files = {path.stem for path in Path(formats.__file__).parent.glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in formats.names()} == files
    assert [found.name for found in every_format()] == formats.names()


def test_an_unknown_format_names_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"google-benchmark, googletest.*found 'gbench'"):
        format_named("gbench")


def test_repetitions_of_a_benchmark_are_one_case_and_aggregates_are_left_out() -> None:
    found = format_named("google-benchmark").parse(
        benchmarks(
            row("BM/8", 10.0, cpu_time=9.0, items_per_second=5),
            row("BM/8", 12.0),
            row("BM/8_mean", 11.0, run_name="BM/8", run_type="aggregate", aggregate_name="mean"),
            row("BM/9", 2.5, time_unit="us"),
        )
    )
    assert costs(found) == {"BM/8": [10e-9, 12e-9], "BM/9": [2.5e-6]}


def test_a_run_that_reports_aggregates_only_is_read_by_its_median() -> None:
    aggregates = [
        row(f"BM_{kind}", time, run_name="BM", run_type="aggregate", aggregate_name=kind)
        for kind, time in (("mean", 11.0), ("median", 10.0), ("stddev", 0.1))
    ]
    assert costs(format_named("google-benchmark").parse(benchmarks(*aggregates))) == {"BM": [10e-9]}


def test_what_a_benchmark_reports_as_error_or_skipped_is_told() -> None:
    found = format_named("google-benchmark").parse(
        benchmarks(
            {"name": "A", "error_occurred": True, "error_message": "no such unit"},
            {"name": "B", "skipped": True, "skip_message": "needs SVE"},
        )
    )
    assert [(case.state, case.message) for case in found] == [
        (State.FAILED, "no such unit"),
        (State.SKIPPED, "needs SVE"),
    ]


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"benchmarks": 3}', b'{"benchmarks": [{"name": 1}]}', b"Segfault"])
def test_damaged_json_is_named(damage: bytes) -> None:
    with pytest.raises(BadOutput, match=r"expected .*Google Benchmark's JSON.*found"):
        google_benchmark.parse_json(damage)


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), min_size=1))
def test_a_filter_fits_exactly_the_cases_that_were_asked_for(names: list[str]) -> None:
    pattern = google_benchmark.select(names)[0].removeprefix("--benchmark_filter=")
    for name in names:
        assert re.fullmatch(pattern, name)
        assert re.search(pattern, f"{name}x") is None or f"{name}x" in names


def test_random_interleaving_is_asked_for_where_several_cases_run() -> None:
    wanted = "--benchmark_enable_random_interleaving=true"
    assert wanted in google_benchmark.select(["A", "B"])
    assert wanted not in google_benchmark.select(["A"])


LISTING = b"""Running main() from gtest_main.cc
Saxpy.
  Right
  DISABLED_Later
Small/Sizes.
  Fit/0  # GetParam() = 1
Typed/0.  # TypeParam = int
  Works
"""


def test_a_list_of_tests_is_read() -> None:
    assert googletest.listed(Output(LISTING)) == [
        Case("Saxpy.Right"),
        Case("Saxpy.DISABLED_Later", disabled=True),
        Case("Small/Sizes.Fit/0"),
        Case("Typed/0.Works"),
    ]


XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" name="AllTests" brand_new="1"><testsuite name="S" tests="4">
<testcase name="Right" status="run" result="completed" classname="S"/>
<testcase name="Wrong" status="run" result="completed" classname="S">
<failure message="a.cc:4&#x0A;no" type=""/></testcase>
<testcase name="Skips" status="run" result="skipped" classname="S"><skipped message="no unit"/></testcase>
<testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="S"/>
</testsuite></testsuites>"""
JSON = json.dumps(
    {
        "testsuites": [
            {
                "name": "S",
                "testsuite": [
                    {"name": "Right", "status": "RUN", "result": "COMPLETED", "classname": "S", "new": {}},
                    {"name": "Wrong", "status": "RUN", "classname": "S", "failures": [{"failure": "a.cc:4\nno"}]},
                    {"name": "Skips", "status": "RUN", "result": "SKIPPED", "skipped": [{"message": "no unit"}]},
                    {"name": "DISABLED_Later", "status": "NOTRUN", "result": "SUPPRESSED", "classname": "S"},
                ],
            }
        ]
    }
).encode()


@pytest.mark.parametrize("data", [XML, JSON], ids=["xml", "json"])
def test_results_of_tests_are_the_same_in_both_forms(data: bytes) -> None:
    assert format_named("googletest").parse(Output(result=data)) == [
        CaseResult("S.Right"),
        CaseResult("S.Wrong", State.FAILED, message="a.cc:4\nno"),
        CaseResult("S.Skips", State.SKIPPED, message="no unit"),
        CaseResult("S.DISABLED_Later", State.DISABLED),
    ]


def test_xml_that_would_expand_entities_is_refused() -> None:
    with pytest.raises(BadOutput, match="document type"):
        googletest.parse_xml(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')


@pytest.mark.parametrize(
    "output",
    [
        Output(
            b"Inference timings in us: Init: 5000, First inference: 900, Warmup (avg): 8.5, Inference (avg): 700.5\n"
        ),
        Output(
            stderr=b"Model initialization: 5.00 ms\nWarmup (first): 0.9 ms\nInference (avg):    0.7005 ms (50 runs)"
        ),
        Output(result=b'{"latency_metrics": {"avg_ms": 0.7005, "init_ms": 5, "first_inference_ms": 0.9, "x": []}}'),
        Output(b'{"avgMs": 0.7005, "initMs": 5, "firstInferenceMs": 0.9}'),
    ],
    ids=["line", "table", "json", "flat"],
)
def test_benchmark_model_is_read(output: Output) -> None:
    found = format_named("litert").parse(output)
    assert costs(found) == {"init": [5e-3], "first inference": [9e-4], "inference": [7.005e-4]}


def test_benchncnn_is_read_by_its_minima() -> None:
    text = b"""loop_count = 8
          squeezenet  min =    7.09  max =    7.21  avg =    7.13
   mobilenet_v2 int8  min = 3 max = 4 avg = 3
"""
    found = format_named("benchncnn").parse(Output(stderr=text))
    assert costs(found) == {"squeezenet": [7.09e-3], "mobilenet_v2 int8": [3e-3]}


def test_pytorch_observer_lines_are_repetitions_of_their_type_and_metric() -> None:
    line = 'noise PyTorchObserver {"type": "NET", "unit": "us", "metric": "latency", "value": "%s", "info": "x"}\n'
    text = line % 12 + line % 14 + 'PyTorchObserver {"prompt_tokens": 3}\n'
    found = format_named("pytorch-observer").parse(Output(text.encode()))
    assert costs(found) == {"NET latency": [12e-6, 14e-6]}


def test_any_command_is_read_by_an_expression() -> None:
    made = format_named("regex", pattern=r"^(?P<name>\w+): (?P<value>[\d.]+) (?P<unit>\S+)$")
    found = made.parse(Output(b"copy: 4 GB/s\nrun: 5 ms\nrun: 6 ms\nelse\n"))
    assert costs(found) == {"copy": [0.25], "run": [5e-3, 6e-3]}
    assert [case.unit for case in found] == ["1/(GB/s)", "s"]


@pytest.mark.parametrize("pattern", ["(", "no groups"])
def test_an_expression_that_cannot_be_used_is_a_user_error(pattern: str) -> None:
    with pytest.raises(UserError, match="expected a"):
        format_named("regex", pattern=pattern)


@given(st.floats())
def test_only_values_above_zero_are_costs(value: float) -> None:
    if 0 < value < float("inf"):
        assert cost(value, "s") == (value, "s")
    else:
        with pytest.raises(BadOutput, match="above 0"):
            cost(value, "s")


@pytest.mark.parametrize(("value", "unit"), [(1e-320, "ns"), (1e-320, "fps")])
def test_a_cost_that_no_number_can_hold_is_named(value: float, unit: str) -> None:
    with pytest.raises(BadOutput, match="above 0"):
        cost(value, unit)


_WORDS = """benchmarks name run_name run_type aggregate_name real_time time_unit testsuites testsuite classname
failures skipped status result latency_metrics avg_ms type metric value unit"""
_KEYS = st.sampled_from(_WORDS.split())
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_KEYS | st.text(), inner),
    max_leaves=20,
)
_TEXT = st.one_of(
    st.binary(),
    _JSON.map(lambda value: json.dumps(value).encode()),
    _JSON.map(lambda value: b"PyTorchObserver " + json.dumps(value).encode()),
    st.text().map(lambda text: f"a took {text} ms\nnet min = {text} max = 1 avg = 1\n".encode("utf-8", "replace")),
    st.text().map(lambda text: f"Inference timings in {text}: Inference (avg): {text}".encode("utf-8", "replace")),
    st.sampled_from([XML, JSON, LISTING]).flatmap(lambda data: st.integers(0, len(data)).map(lambda end: data[:end])),
)


@given(_TEXT, _TEXT)
def test_whatever_is_printed_ends_in_results_or_in_a_named_error(stdout: bytes, result: bytes) -> None:
    for made in every_format():
        for output in (Output(stdout, b"", result), Output(stdout, stdout, b"")):
            try:
                found = made.parse(output)
            except BadOutput as error:
                told = str(error)
                assert "expected" in told and "found" in told  # noqa: PT018 - either end is right
            else:
                assert all(isinstance(case.name, str) for case in found)
                assert all(value > 0 for case in found for value in case.values)


@given(st.binary())
def test_any_list_of_cases_ends_in_cases_or_in_a_named_error(data: bytes) -> None:
    for made in every_format():
        if made.cases is not None:
            try:
                assert all(isinstance(case, Case) for case in made.cases(Output(data)))
            except BadOutput as error:
                assert "expected" in str(error)  # noqa: PT017 - either end is right
