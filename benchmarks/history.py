"""Change points in histories: ours beside apache-otava, MongoDB's signal-processing-algorithms and asv.

`python -m benchmarks.history [--quick] [--seed N]`. F1 counts a change as found within 5 points of where it was
injected, each once; false alarms are changes found per 100 points of histories in which nothing was injected. The
peers run at their defaults, from PyPI, in environments that the first full run makes (`--quick` makes none).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.histories import peers
from benchmarks.histories.series import Family, History, families, histories
from ontarget.harness.statistics import detect

OURS = "ontarget"
WITHIN = 5  # points
LEVEL_WITH = 0.02  # of F1, on simulated histories

console = Console(width=150)


@dataclass(frozen=True)
class Score:
    """Of one detector on one family."""

    f1: float
    alarms: float  # per 100 quiet points


def score(found: Sequence[Sequence[int]], family: Sequence[History]) -> Score:
    hits = spurious = missed = alarms = quiet = 0
    for changes, history in zip(found, family, strict=True):
        if not history.steps:
            alarms += len(changes)
            quiet += history.series.size
            continue
        right = matched(changes, history.steps)
        hits += right
        spurious += len(changes) - right
        missed += len(history.steps) - right
    return Score(2 * hits / max(1, 2 * hits + spurious + missed), 100 * alarms / max(1, quiet))


def matched(found: Sequence[int], steps: Sequence[int]) -> int:
    """How many steps have a change of their own within 5 points, nearest first."""
    near = sorted((abs(change - step), change, step) for change in found for step in steps)
    changes: set[int] = set()
    seen: set[int] = set()
    for distance, change, step in near:
        if distance <= WITHIN and change not in changes and step not in seen:
            changes.add(change)
            seen.add(step)
    return len(seen)


def measure(count: int, seed: int, contenders: Sequence[peers.Peer]) -> dict[str, dict[str, Score]]:
    """By detector and family."""
    rng = np.random.default_rng(seed)
    drawn = {family.name: list(histories(family, rng, count)) for family in families(rng)}
    everything = [history for family in drawn.values() for history in family]
    start = time.perf_counter()
    found = {OURS: [detect(history.series) for history in everything]}
    spent = (time.perf_counter() - start) / len(everything)
    console.print(f"  {len(everything)} histories, {1000 * spent:.0f} ms each of ours", style="dim")
    for peer in contenders:
        found[peer.name] = peers.ask(peer, everything, seed)
    results: dict[str, dict[str, Score]] = {}
    for name, changes in found.items():
        left = iter(changes)
        results[name] = {family: score(list(islice(left, len(those))), those) for family, those in drawn.items()}
    return results


def show(results: dict[str, dict[str, Score]]) -> None:
    table = Table(title=f"F1 within {WITHIN} points / false alarms per 100 quiet points")
    table.add_column("histories", no_wrap=True)
    for name in results:
        table.add_column(name, justify="right")
    for family in results[OURS]:
        cells = [found[family] for found in results.values()]
        table.add_row(family, *(f"{cell.f1:.2f} / {cell.alarms:.2f}" for cell in cells))
    console.print(table)
    console.print(
        "  recorded, raw: the machine's load went up and down meanwhile; some of what is found there did happen"
    )


def reached(results: dict[str, dict[str, Score]], real: Sequence[str]) -> bool:
    """Print the figures to reach; return whether all were."""
    others = {name: found for name, found in results.items() if name != OURS}
    if not others:
        console.print("  no peer is installed: nothing to be compared with")
        return True
    lines = []
    simulated = [family for family in results[OURS] if family not in real]
    for title, names, slack in (("real noise", real, 0.0), ("simulated", simulated, LEVEL_WITH)):
        f1 = {name: float(np.mean([found[family].f1 for family in names])) for name, found in results.items()}
        alarms = {name: float(np.mean([found[family].alarms for family in names])) for name, found in results.items()}
        best, quietest = max(f1[name] for name in others), min(alarms[name] for name in others)
        lines += [
            (f"{title}: F1 {f1[OURS]:.3f}, best of the others {best:.3f}", f1[OURS] >= best - slack),
            (f"{title}: {alarms[OURS]:.3f} false alarms, fewest of others {quietest:.3f}", alarms[OURS] <= quietest),
        ]
    for line, met in lines:
        console.print(f"  {line}: " + ("[green]reached[/green]" if met else "[red]not reached[/red]"))
    return all(met for _, met in lines)


def main(*, quick: bool = False, seed: int = 20) -> bool:
    """Measure, print tables, and return whether the figures of the plan were reached."""
    contenders = []
    for peer in peers.PEERS:
        why = (
            None
            if peers.installed(peer)
            else "no environment yet, a full run makes one"
            if quick
            else peers.install(peer)
        )
        if why is None:
            contenders.append(peer)
        else:
            console.print(f"  {peer.name} does not take part: {why}", style="yellow")
    results = measure(4 if quick else 60, seed, contenders)
    show(results)
    if quick:
        console.print("  too few histories to say which figures are reached: a full run does")
        return True
    real: list[Family] = [family for family in families(np.random.default_rng(seed)) if family.real]
    return reached(results, [family.name for family in real])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few histories")
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    sys.exit(0 if main(quick=arguments.quick, seed=arguments.seed) else 1)
