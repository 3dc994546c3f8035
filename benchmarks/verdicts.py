"""False alarms, power and device time of verdicts, ours and other tools', on seven noise models of a phone.

`python -m benchmarks.verdicts [--quick] [--seed N]`. Every tool runs the device as it does by itself; a false alarm is
a slow-down called where nothing changed. Figures are means over the seven models, the worst of them in brackets.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.noise.many import judge
from benchmarks.noise.models import MODELS, Model
from benchmarks.noise.peers import LEVEL, PEERS, Peer
from benchmarks.noise.protocols import launch_pairs, one_after_the_other
from ontarget.harness.outcomes import Answer

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EFFECTS = (0.0, 0.01, 0.02, 0.05)
GATE = 0.005
GATES = (0.0, GATE)
TESTS_OF_A_COMMIT = 200
HISTORY = 60
FIXED_PAIRS = 30
FIXED_SECONDS = 39.0
OURS = "ontarget: target 2 %, 60 pairs"
APART = "  launches one after the other"
FINER = "ontarget: target 1 %, 150 pairs"
_CHUNK = 250

console = Console(width=176)


@dataclass(frozen=True)
class Found:
    """What one method said of some tests [tests]: whether it called them slower, passed them, and device-seconds."""

    slower: BoolArray
    passed: BoolArray
    seconds: FloatArray


# A method runs so many tests of a model with a slow-down, and answers once for each of `GATES`.
Method = Callable[[Model, np.random.Generator, int, float], Sequence[Found]]


def peer_method(peer: Peer) -> Method:
    def run(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
        baseline, candidate, seconds = one_after_the_other(
            model, rng, sessions=tests, runs=peer.runs, slowdown=slowdown, stored=peer.stored
        )
        slower, size = peer.slower(baseline, candidate), peer.size(baseline, candidate)
        return [called(slower & (size > gate), seconds) for gate in GATES]

    return run


def called(slower: BoolArray, seconds: FloatArray) -> Found:
    """The answer of a method that knows slower or not."""
    return Found(slower, ~slower, seconds)


def fixed_mann_whitney(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
    """30 launches of each side in random order, pair by pair; Mann-Whitney at 5 % over their medians."""
    pairs = launch_pairs(model, rng, sessions=tests, pairs=FIXED_PAIRS, slowdown=slowdown, alternating=False)
    p = stats.mannwhitneyu(pairs.baseline, pairs.candidate, axis=1).pvalue
    size = np.median(pairs.candidate, axis=1) / np.median(pairs.baseline, axis=1) - 1
    return [called((p < LEVEL) & (size > gate), pairs.seconds.sum(axis=1)) for gate in GATES]


def fixed_signed_rank(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
    """The same launches; Wilcoxon's signed rank, one-sided at 5 % divided by the tests of a commit."""
    pairs = launch_pairs(model, rng, sessions=tests, pairs=FIXED_PAIRS, slowdown=slowdown, alternating=False)
    d = pairs.differences
    p = stats.wilcoxon(d, axis=1, alternative="greater").pvalue
    believed = p <= LEVEL / TESTS_OF_A_COMMIT
    return [called(believed & (np.median(d, axis=1) > np.log1p(gate)), pairs.seconds.sum(axis=1)) for gate in GATES]


def our_method(*, target: float = 0.02, budget: int = 60, alternating: bool = True, history: int = 0) -> Method:
    """Launch pairs until the e-processes of `ontarget.harness.statistics` have an answer."""

    def run(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
        def measured(pairs: int, effect: float) -> tuple[FloatArray, FloatArray]:
            found = launch_pairs(model, rng, sessions=tests, pairs=pairs, slowdown=effect, alternating=alternating)
            return found.differences, found.seconds

        known = measured(history, 0.0)[0] if history else None
        d, seconds = measured(budget, slowdown)
        spent = np.cumsum(seconds, axis=1)
        return [
            Found(
                np.asarray(answers.answers == Answer.REGRESSED),
                np.isin(answers.answers.astype(str), [Answer.PASS, Answer.IMPROVED]),
                spent[np.arange(tests), answers.pairs - 1],
            )
            for answers in judge(d, history=known, target=target, smallest_effects=GATES)
        ]

    return run


METHODS: Mapping[str, Method] = {
    **{peer.name: peer_method(peer) for peer in PEERS},
    "30 launch pairs: Mann-Whitney 0.05": fixed_mann_whitney,
    "30 launch pairs: signed rank 0.05/200": fixed_signed_rank,
    OURS: our_method(),
    "  knowing 60 A/A differences": our_method(history=HISTORY),
    APART: our_method(alternating=False),
    "  one side after the other, knowing 60": our_method(alternating=False, history=HISTORY),
    FINER: our_method(target=0.01, budget=150),
    "  1 %, one side after the other": our_method(target=0.01, budget=150, alternating=False),
}


def measure(method: Method, seed: Sequence[int], tests: Mapping[float, int]) -> dict[tuple[str, float, float], Found]:
    """By model, slow-down and gate; `tests` says how many by slow-down."""
    found = {}
    for number, (name, model) in enumerate(MODELS.items()):
        for effect in EFFECTS:
            rng = np.random.default_rng([*seed, number, round(effect * 10_000)])
            chunks = [method(model, rng, size, effect) for size in _chunks(tests[effect])]
            for gate, parts in zip(GATES, zip(*chunks, strict=True), strict=True):
                found[name, effect, gate] = Found(
                    np.concatenate([part.slower for part in parts]),
                    np.concatenate([part.passed for part in parts]),
                    np.concatenate([part.seconds for part in parts]),
                )
    return found


def _chunks(tests: int) -> Iterator[int]:
    for done in range(0, tests, _CHUNK):
        yield min(_CHUNK, tests - done)


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
        "seconds: 0 %",
        "1 %",
        "2 %",
        "5 %",
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
            *(f"{figures(found, effect, gate, lambda part: part.seconds).mean():.1f}" for effect in EFFECTS),
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


def reached(results: Results) -> bool:
    """Print the figures to reach, and which of them were; return whether all were."""
    lines = []
    for name in (OURS, APART):
        found = results[name]
        alarms = sum(int(part.slower.sum()) for (_, effect, _), part in found.items() if effect == 0.0)
        power, seconds = (figures(found, 0.02, 0.0, of) for of in (lambda part: part.slower, lambda part: part.seconds))
        unchanged = figures(found, 0.0, 0.0, lambda part: part.seconds).mean()
        tests = sum(part.slower.size for (_, effect, gate), part in found.items() if (effect, gate) == (0.0, 0.0))
        lines += [
            (f"{name.strip()}: {alarms} false alarms in {tests:,} tests, with either gate", alarms <= 0.00025 * tests),
            (
                f"  2 % found in {power.mean():.1%}, to be 90 %; in the worst {power.min():.0%}, to be 80 %",
                power.mean() >= 0.9 and power.min() >= 0.8,
            ),
            (
                f"  in {seconds.mean():.1f} device-seconds, to be at most {FIXED_SECONDS:g}",
                seconds.mean() <= FIXED_SECONDS,
            ),
            (f"  no change in {unchanged:.1f}, to be at most half of that", unchanged <= FIXED_SECONDS / 2),
        ]
        passed = figures(found, 0.02, GATE, lambda part: part.passed)
        lines.append(
            (f"  2 % passes the gate of 0.5 % in {passed.mean():.1%}, to be at most 5 %", passed.mean() <= 0.05)
        )
    finer = figures(results[FINER], 0.01, 0.0, lambda part: part.slower).mean()
    lines.append((f"{FINER}: 1 % found in {finer:.1%}, to be 95 %", finer >= 0.95))
    for line, met in lines:
        console.print(f"{line}: {'[green]reached' if met else '[red]not reached'}", highlight=False)
    return all(met for _, met in lines)


def main(*, quick: bool, seed: int = 1) -> bool:
    """Print the tables; return whether the figures to reach were reached."""
    tests = dict.fromkeys(EFFECTS, 20 if quick else 300) | {0.0: 30 if quick else 2000}
    results = {name: measure(method, (seed, number), tests) for number, (name, method) in enumerate(METHODS.items())}
    for gate in GATES:
        show(f"Seven noise models, {tests[0.0]:,} A/A tests on each, {tests[0.02]:,} of each slow-down", results, gate)
    return reached(results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tests")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(0 if main(quick=arguments.quick, seed=arguments.seed) else 1)
