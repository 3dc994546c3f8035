"""What programs say of their cases, whatever they print it as."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite
from typing import Final

from ontarget.harness.errors import ProductError, UserError
from ontarget.harness.outcomes import Outcome


class BadOutput(UserError):
    """A program printed something else than its format says."""


class CaseFailed(ProductError):
    """A case failed by its program's own account."""

    outcome = Outcome.WRONG


class State(StrEnum):
    """What became of a case by its program's own account."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Case:
    """One case of a program, by the program's own name for it. A `disabled` one does not run."""

    name: str
    disabled: bool = False


@dataclass(frozen=True)
class CaseResult:
    """A case that ran. `values` are its costs, one a repetition, in `unit` ("s" for times): less is better."""

    name: str
    state: State = State.OK
    values: tuple[float, ...] = ()
    unit: str = "s"
    message: str = ""


@dataclass(frozen=True)
class Output:
    """What a program wrote. `result` is its result file, where its format has one."""

    stdout: bytes = b""
    stderr: bytes = b""
    result: bytes = b""


_SECONDS: Final = {
    **dict.fromkeys(("ns", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "seconds"), 1.0),
}
_RATES: Final = frozenset(("fps", "flops", "gflops", "mflops", "tflops"))


def cost(value: float, unit: str, *, more_is_better: bool | None = None) -> tuple[float, str]:
    """A value as a cost, with the cost's unit: times in seconds, rates (`.../s`, fps, GFLOPS) as seconds for one.

    `more_is_better` None: known by the unit, and not so for one that is unknown. Raises BadOutput for a value that is
    not above 0 and finite: a ratio of two would say nothing.
    """
    known = unit.strip().lower()
    is_rate = known in _RATES or known.endswith(("/s", "/sec", "/second"))
    if more_is_better or (more_is_better is None and is_rate):
        found, its_unit = (1 / value if value else inf), f"1/({unit})" if unit else "1"
    elif known in _SECONDS:
        found, its_unit = value * _SECONDS[known], "s"
    else:
        found, its_unit = value, unit or "1"
    if not (isfinite(found) and found > 0):
        raise BadOutput(f"expected a finite value above 0, found {value} {unit}".rstrip())
    return found, its_unit


def merged(results: Sequence[CaseResult]) -> list[CaseResult]:
    """One result for each case, in order: the values of repetitions together, the first that went wrong told.

    Raises BadOutput for values in unlike units.
    """
    found: dict[str, CaseResult] = {}
    for result in results:
        before = found.get(result.name)
        if before is None or (before.state is State.OK and result.state is not State.OK):
            found[result.name] = result
        elif before.state is State.OK and before.unit != result.unit:
            raise BadOutput(
                f"{result.name}: expected one unit for all its values, found {before.unit} and {result.unit}"
            )
        elif before.state is State.OK:
            found[result.name] = CaseResult(result.name, State.OK, (*before.values, *result.values), before.unit)
    return list(found.values())
