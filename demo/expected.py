"""Which checks must end how, with the planted faults of `interpose.c`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PASSED = frozenset({"pass", "inconclusive", "not-offered"})
TIMINGS = frozenset({"latency", "instructions"})


@dataclass(frozen=True)
class Fault:
    """A planted fault: the outcome it must have in the checks named, of every f32 layer of one operator."""

    operator: str
    what: str
    outcome: str
    in_timing: bool
    in_accuracy: bool


FAULTS = (
    Fault("sigmoid", "3 % slower", "regressed", in_timing=True, in_accuracy=False),
    Fault("average_pool2d", "one output flipped", "wrong", in_timing=False, in_accuracy=True),
    Fault("hardswish", "crashes", "crashed", in_timing=True, in_accuracy=True),
    Fault("add", "hangs", "timed-out", in_timing=True, in_accuracy=True),
)


def fault_of(test: Mapping[str, Any], operators: Mapping[str, str]) -> Fault | None:
    """Return the fault that must show in `test`, an entry of `ontarget-results.json`.

    `operators` maps a layer's id to its operator.
    """
    timed = is_timing(test)
    operator = operators.get(str(test["layer"]))
    for fault in FAULTS:
        if fault.operator == operator and test["dtype"] == "f32":
            return fault if (fault.in_timing if timed else fault.in_accuracy) else None
    return None


def is_timing(test: Mapping[str, Any]) -> bool:
    """Whether the entry is of a timing check; one that ended before its check was made is known by its test."""
    return test["check"] in TIMINGS or "::test_latency[" in str(test["id"])


def as_planted(test: Mapping[str, Any], fault: Fault | None) -> bool:
    """Whether the entry ended as it must."""
    return test["outcome"] in PASSED if fault is None else test["outcome"] == fault.outcome
