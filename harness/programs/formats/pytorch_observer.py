"""`PyTorchObserver {json}` lines, as Caffe2's, PyTorch's and ExecuTorch's runners print them for FAI-PEP.

Each is one value: {"type": "NET", "unit": "us", "metric": "latency", "value": "123"}. Others, without a value, are
passed over.
"""

import re
from typing import Any, Final

from ontarget.harness.programs.formats import Format, all_cases, decoded, part, read_json, shortened
from ontarget.harness.programs.results import BadOutput, CaseResult, Output, cost, merged

_LINE: Final = re.compile(r"PyTorchObserver\s+(\{.*\})")
_WHAT: Final = 'PyTorchObserver {"type", "metric", "unit", "value"}'


def make() -> Format:
    return Format("pytorch-observer", parse, all_cases, True)


def parse(output: Output) -> list[CaseResult]:
    """Each type and metric as a case, its lines as repetitions. Raises BadOutput."""
    text = decoded(output.stdout) + "\n" + decoded(output.stderr)
    lines = [read_json(found.encode(), _WHAT) for found in _LINE.findall(text)]
    results = [_result(line) for line in lines if isinstance(line, dict) and "value" in line]
    if not results:
        raise BadOutput(f"expected lines {_WHAT}, found {shortened(text.encode())}")
    return merged(results)


def _result(line: dict[str, Any]) -> CaseResult:
    name = f"{part(line, 'type', str, _WHAT)} {part(line, 'metric', str, _WHAT)}"
    try:
        found, unit = cost(float(line["value"]), str(line.get("unit", "")))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadOutput(f"{name}: expected a number as value, found {line['value']!r}") from error
    return CaseResult(name, values=(found,), unit=unit)
