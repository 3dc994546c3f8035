"""What methods said of tests, and tables of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EFFECTS = (0.0, 0.01, 0.02, 0.05)
GATE = 0.005
GATES = (0.0, GATE)
TESTS_OF_A_COMMIT = 200

console = Console(width=176)


@dataclass(frozen=True)
class Found:
    """What one method said of some tests [tests]: whether it called them slower, passed them, and device-seconds."""

    slower: BoolArray
    passed: BoolArray
    seconds: FloatArray


# By method; then by condition (a noise model), slow-down and gate.
Results = Mapping[str, Mapping[tuple[str, float, float], Found]]


def show(title: str, results: Results, gate: float) -> None:
    """Print one table: a row for each method, each figure the mean over the conditions (and the worst)."""
    table = Table(title=f"{title}; {'no smallest effect' if gate == 0 else f'smallest effect {gate:.1%}'}")
    table.add_column("method", no_wrap=True)
    for column in (
        "false alarms (worst)",
        "in 200 tests",
        "finds 1 %",
        "finds 2 % (worst)",
        "finds 5 %",
        "2 % passes (worst)",
        "seconds at 0 / 1 / 2 / 5 %",
    ):
        table.add_column(column, justify="right", no_wrap=True)
    for name, found in results.items():
        slower = {effect: figures(found, effect, gate, lambda part: part.slower) for effect in EFFECTS}
        passed = figures(found, 0.02, gate, lambda part: part.passed)
        alarms = slower[0.0].mean()
        table.add_row(
            name,
            f"{alarms:.2%} ({slower[0.0].max():.2%})",
            f"{1 - (1 - alarms) ** TESTS_OF_A_COMMIT:.0%}",
            f"{slower[0.01].mean():.0%}",
            f"{slower[0.02].mean():.1%} ({slower[0.02].min():.0%})",
            f"{slower[0.05].mean():.0%}",
            f"{passed.mean():.1%} ({passed.max():.1%})",
            " / ".join(f"{figures(found, effect, gate, lambda part: part.seconds).mean():.1f}" for effect in EFFECTS),
        )
    console.print(table)


def figures(
    found: Mapping[tuple[str, float, float], Found],
    effect: float,
    gate: float,
    of: Callable[[Found], NDArray[np.bool_] | FloatArray],
) -> FloatArray:
    """The mean of a figure in each condition."""
    return np.array([of(part).mean() for (_, e, g), part in found.items() if (e, g) == (effect, gate)])
