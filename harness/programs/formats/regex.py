"""Any command, by a regular expression with the groups `value`, and if there are several, `name` and `unit`."""

import re
from typing import Final

from ontarget.harness.errors import UserError
from ontarget.harness.programs.formats import Format, all_cases, decoded, shortened
from ontarget.harness.programs.results import BadOutput, CaseResult, Output, cost, merged

ONLY_CASE: Final = "value"


def make(*, pattern: str, unit: str = "", more_is_better: bool | None = None) -> Format:
    """`unit` holds where the pattern has no such group; `more_is_better` None is told by the unit. Raises UserError."""
    try:
        expression = re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise UserError(f"expected a regular expression, found {pattern!r}: {error}") from error
    if "value" not in expression.groupindex:
        raise UserError(f"expected a pattern with a group (?P<value>...), found {pattern!r}")

    def parse(output: Output) -> list[CaseResult]:
        return parse_text(expression, decoded(output.stdout), unit, more_is_better)

    return Format("regex", parse, all_cases, True)


def parse_text(
    expression: re.Pattern[str], text: str, unit: str = "", more_is_better: bool | None = None
) -> list[CaseResult]:
    """Each name that is found, its matches as repetitions. Raises BadOutput."""
    results = []
    for match in expression.finditer(text):
        groups = match.groupdict()
        name = groups.get("name") or ONLY_CASE
        try:
            number = float(match["value"])
        except (TypeError, ValueError) as error:
            raise BadOutput(f"{name}: expected a number, found {match['value']!r}") from error
        found, its_unit = cost(number, groups.get("unit") or unit, more_is_better=more_is_better)
        results.append(CaseResult(name, values=(found,), unit=its_unit))
    if not results:
        raise BadOutput(f"expected what {expression.pattern!r} finds, found {shortened(text.encode())}")
    return merged(results)
