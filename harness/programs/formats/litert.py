"""LiteRT's (TensorFlow Lite's) benchmark_model: what it prints, or its result as JSON.

Text: "Inference timings in us: Init: 5, First inference: 9, Warmup (avg): 8, Inference (avg): 7", or a table with
"Inference (avg): 0.01 ms (50 runs)". JSON: the fields of the tool's BenchmarkResult, with a `latency_metrics` or flat.
"""

import re
from typing import Any, Final

from ontarget.harness.programs.formats import Format, all_cases, decoded, read_json, shortened
from ontarget.harness.programs.results import BadOutput, CaseResult, Output, cost

_LINE: Final = re.compile(r"Inference timings in (?P<unit>\w+): (?P<rest>.*)")
_PART: Final = re.compile(r"(Init|First inference|Inference \(avg\)): *([-+.\deE]+)")
_TABLE: Final = re.compile(r"(Model initialization|Warmup \(first\)|Inference \(avg\)): +([-+.\deE]+) ([munµ]?s)\b")
_NAMES: Final = {
    **dict.fromkeys(("Init", "Model initialization", "init_ms"), "init"),
    **dict.fromkeys(("First inference", "Warmup (first)", "first_inference_ms"), "first inference"),
    **dict.fromkeys(("Inference (avg)", "avg_ms"), "inference"),
}
_WHAT: Final = "LiteRT's benchmark_model (`Inference timings in us: ... Inference (avg): N`, or its JSON)"


def make() -> Format:
    return Format("litert", parse, all_cases, True)


def parse(output: Output) -> list[CaseResult]:
    """Initialisation, first inference and the mean of the others, as three cases. Raises BadOutput."""
    for data in (output.result, output.stdout):
        if data.lstrip().startswith(b"{"):
            return parse_json(data)
    return parse_text(decoded(output.stdout) + "\n" + decoded(output.stderr))  # Android's logger writes to stderr


def parse_text(text: str) -> list[CaseResult]:
    line = _LINE.search(text)
    found = (
        [(name, value, line["unit"]) for name, value in _PART.findall(line["rest"])] if line else _TABLE.findall(text)
    )
    return _results(found, text.encode())


def parse_json(data: bytes) -> list[CaseResult]:
    whole = read_json(data, _WHAT)
    metrics: Any = whole
    if isinstance(whole, dict):
        metrics = whole.get("latency_metrics") or whole.get("latencyMetrics") or whole
    fields = metrics.items() if isinstance(metrics, dict) else ()
    snaked = {re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", str(key)): value for key, value in fields}
    return _results([(key, snaked[key], "ms") for key in _NAMES if key in snaked], data)


def _results(found: list[Any], data: bytes) -> list[CaseResult]:
    results = []
    for name, value, unit in found:
        try:
            number = float(value)
            if number == 0 and _NAMES[name] != "inference":
                continue  # what the tool did not measure
            seconds, unit = cost(number, unit)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadOutput(f"expected a number for {name}, found {value!r}") from error
        results.append(CaseResult(_NAMES[name], values=(seconds,), unit=unit))
    if not any(result.name == "inference" for result in results):
        raise BadOutput(f"expected the output of {_WHAT}, found {shortened(data)}")
    return results
