"""Side-by-side timing: the contenders take turns in one run, and what is told is the ratio of their medians."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

console = Console(width=120)


@dataclass(frozen=True)
class Goal:
    """`slower` must take at least `times` as long as `faster` (less than 1: may take at most 1/times as long)."""

    faster: str
    slower: str
    times: float


def alternate(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call; every round calls each contender once, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, call in contenders.items():
            start = time.perf_counter()
            call()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def show(title: str, seconds: Mapping[str, list[float]], goals: list[Goal]) -> bool:
    """Print medians and the goals' ratios as tables; return whether all goals are reached."""
    table = Table("", "median", "min", "max", "n", title=title, title_justify="left")
    for name, values in seconds.items():
        table.add_row(name, *(milliseconds(f(values)) for f in (statistics.median, min, max)), str(len(values)))
    console.print(table)
    reached = True
    for goal in goals:
        ratio = statistics.median(seconds[goal.slower]) / statistics.median(seconds[goal.faster])
        met = ratio >= goal.times
        reached &= met
        console.print(
            f"  {goal.slower} / {goal.faster} = {ratio:.2f}, to be at least {goal.times:.2f}: "
            + ("[green]reached[/green]" if met else "[red]not reached[/red]")
        )
    return reached


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"
