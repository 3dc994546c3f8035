"""ncnn's benchncnn: lines "squeezenet  min =    7.09  max =    7.21  avg =    7.13", in milliseconds.

The minimum counts: of the few loops that it makes, it is the least disturbed.
"""

import re
from typing import Final

from ontarget.harness.programs.formats import Format, all_cases, decoded, shortened
from ontarget.harness.programs.results import BadOutput, CaseResult, Output, cost, merged

_LINE: Final = re.compile(r"^ *(\S.*?) +min = *(\S+) +max = *\S+ +avg = *\S+", re.MULTILINE)


def make() -> Format:
    return Format("benchncnn", parse, all_cases, True)


def parse(output: Output) -> list[CaseResult]:
    """Each net, by its name. Raises BadOutput."""
    text = decoded(output.stdout) + "\n" + decoded(output.stderr)  # it prints to stderr
    results = []
    for name, value in _LINE.findall(text):
        try:
            seconds, unit = cost(float(value), "ms")
        except ValueError as error:
            raise BadOutput(f"{name}: expected milliseconds after `min =`, found {value!r}") from error
        results.append(CaseResult(name, values=(seconds,), unit=unit))
    if not results:
        raise BadOutput(f"expected lines `NET min = .. max = .. avg = ..`, found {shortened(text.encode())}")
    return merged(results)
