"""Google Benchmark's JSON (docs/user_guide.md of github.com/google/benchmark): `context` and `benchmarks[]`."""

import re
from collections.abc import Sequence
from typing import Any, Final

from ontarget.harness.programs.formats import RESULT_PATH, Format, decoded, part, read_json
from ontarget.harness.programs.results import BadOutput, Case, CaseResult, Output, State, cost, merged

_WHAT: Final = "Google Benchmark's JSON"
_SPECIAL: Final = re.compile(r"([.^$*+?()\[\]{}|\\])")
_AGGREGATES: Final = ("median", "mean")


def make(*, time: str = "real") -> Format:
    """`time`: "real" or "cpu", which of the program's two times counts."""
    if time not in ("real", "cpu"):
        raise BadOutput(f"expected time='real' or time='cpu', found {time!r}")

    def parse(output: Output) -> list[CaseResult]:
        return parse_json(output.result or output.stdout, time)

    return Format("google-benchmark", parse, select, True, ("--benchmark_list_tests",), listed)


def select(names: Sequence[str]) -> tuple[str, ...]:
    """An anchored filter (an extended regular expression) for exactly these cases, results as JSON in a file."""
    exactly = "|".join(_SPECIAL.sub(r"\\\1", name) for name in names)
    together = ("--benchmark_enable_random_interleaving=true",) if len(names) > 1 else ()
    filter_ = f"--benchmark_filter=^({exactly})$"
    return (filter_, f"--benchmark_out={RESULT_PATH}", "--benchmark_out_format=json", *together)


def listed(output: Output) -> list[Case]:
    """Cases as `--benchmark_list_tests` prints them, one a line."""
    return [Case(name) for line in decoded(output.stdout).splitlines() if (name := line.strip())]


def parse_json(data: bytes, time: str = "real") -> list[CaseResult]:
    """The cases of a run: their repetitions, or where only aggregates were reported, the median or mean.

    Raises BadOutput.
    """
    if not data.strip():
        return []  # a filter that fits no case
    rows = part(read_json(data, _WHAT), "benchmarks", list, _WHAT)
    single = merged([_result(row, time) for row in rows if _aggregate(row) is None])
    known = {result.name for result in single}
    for wanted in _AGGREGATES:
        found = merged([_result(row, time) for row in rows if _aggregate(row) == wanted])
        single += [result for result in found if result.name not in known]
        known |= {result.name for result in single}
    return single


def _aggregate(row: Any) -> str | None:
    if not isinstance(row, dict) or row.get("run_type") != "aggregate":
        return None
    return str(row.get("aggregate_name"))


def _result(row: Any, time: str) -> CaseResult:
    name = part(row, "run_name" if isinstance(row, dict) and "run_name" in row else "name", str, f"a row of {_WHAT}")
    if row.get("error_occurred"):
        return CaseResult(name, State.FAILED, message=str(row.get("error_message", "an error without a message")))
    if row.get("skipped"):
        return CaseResult(name, State.SKIPPED, message=str(row.get("skip_message", "")))
    value = part(row, f"{time}_time", int | float, f"row {name} of {_WHAT}")  # type: ignore[arg-type]
    try:
        found, unit = cost(float(value), str(row.get("time_unit", "ns")))
    except (BadOutput, OverflowError) as error:
        raise BadOutput(f"{name}: {error}") from error
    return CaseResult(name, values=(found,), unit=unit)
