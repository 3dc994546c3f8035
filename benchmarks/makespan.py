"""How long a suite takes on a heterogeneous farm, against what no schedule can beat and against xdist's schedulers.

The schedulers are the real ones, driven by workers in simulated time, and then by pytest itself in a small run.
`dealt` knows durations and units from the run before, all or nine of ten; `stayed`: tests that kept their unit.
"""

import argparse
import random
import statistics
import sys
from dataclasses import dataclass

from rich.table import Table

from benchmarks import makespan_run, ratios
from benchmarks.simulated_farm import Farm, History, Outcome, Suite, history_of, make_suite

GOAL = 1.05
FARM = {"pi5": 6, "pi4": 4, "orin": 3, "pixel": 2, "rock5": 2, "mediatek": 1}
CONTENDERS = ("dealt", "dealt, a tenth new", "dealt, all new", "load", "loadgroup")


@dataclass(frozen=True)
class Scene:
    name: str
    units: dict[str, int]
    workers: int
    tests: int


SCENES = (
    Scene("a worker for each of 18 units", FARM, 18, 400),
    Scene("8 workers for 18 units", FARM, 8, 400),
    Scene("4 workers for 6 models", FARM, 4, 400),
    Scene("one model, 12 units", {"pi5": 12}, 12, 1200),
    Scene("60 units of 12 models", {f"model{number:02}": 5 for number in range(12)}, 60, 200),
)


def main(*, quick: bool, seed: int = 1) -> bool:
    """Print the makespans; return whether those with a history are within 5 % of the bound in every scene."""
    rounds = 2 if quick else 10
    title = f"Makespan / lower bound, simulated (median of {rounds} suites, worst in brackets)"
    table = Table("", *CONTENDERS, "stayed", title=title, title_justify="left")
    reached = True
    for number, scene in enumerate(SCENES):
        found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        kept: list[float] = []
        for round_ in range(rounds):
            chance = random.Random(f"{seed}-{number}-{round_}")
            suite = make_suite(scene.units, scene.tests, chance)
            bound = suite.bound(scene.workers)
            before = first_run(suite, scene.workers)
            outcomes = contend(suite, scene.workers, before, chance)
            for name, outcome in outcomes.items():
                found[name].append(outcome.makespan / bound)
            stayed = sum(before.units[test] == unit for test, unit in outcomes["dealt"].units.items())
            kept.append(stayed / len(before.units))
        reached &= max(found["dealt"]) <= GOAL
        shown = [f"{statistics.median(values):.3f} ({max(values):.3f})" for values in found.values()]
        table.add_row(scene.name, *shown, f"{statistics.median(kept):.1%} ({min(kept):.1%})")
    ratios.console.print(table)
    met = "[green]reached[/green]" if reached else "[red]not reached[/red]"
    ratios.console.print(f"  dealt with a history, to be within {GOAL - 1:.0%} of the bound in every suite: {met}")

    makespan_run.main(quick=quick, seed=seed)
    return reached


def contend(suite: Suite, workers: int, before: Outcome, chance: random.Random) -> dict[str, Outcome]:
    """Run the suite under each scheduler, each on a farm of its own; `before` is the run before."""
    old = [test for test in suite.seconds if chance.random() < 0.9]
    return {
        "dealt": Farm(suite, workers).dealt(history_of(suite, before.units, list(suite.seconds))),
        "dealt, all new": Farm(suite, workers).dealt(History()),
        "dealt, a tenth new": Farm(suite, workers).dealt(history_of(suite, before.units, old)),
        "load": Farm(suite, workers).load(),
        "loadgroup": Farm(suite, workers).loadgroup(),
    }


def first_run(suite: Suite, workers: int) -> Outcome:
    """The run before: it knew nothing, and its tests took what is usual."""
    return Farm(Suite(suite.units, suite.usual, suite.usual), workers).dealt(History())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.makespan", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller suites")
    parser.add_argument("--seed", type=int, default=1, help="of the suites (default: %(default)s)")
    arguments = parser.parse_args()
    sys.exit(0 if main(quick=arguments.quick, seed=arguments.seed) else 1)
