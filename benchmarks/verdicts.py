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
_CHUNK = 250

console = Console(width=150)


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
    **{f"{peer.name}, A then B": peer_method(peer) for peer in PEERS},
    "30 launch pairs, Mann-Whitney 0.05": fixed_mann_whitney,
    "30 launch pairs, signed rank 0.05/200": fixed_signed_rank,
    "ontarget, target 2 %, 60 pairs": our_method(),
    "ontarget, ... history of 60": our_method(history=HISTORY),
    "ontarget, ... launches not alternating": our_method(alternating=False),
    "ontarget, ... neither alternating, history of 60": our_method(alternating=False, history=HISTORY),
    "ontarget, target 1 %, 150 pairs": our_method(target=0.01, budget=150),
    "ontarget, ... launches not alternating, 1 %": our_method(target=0.01, budget=150, alternating=False),
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


Results = Mapping[str, Mapping[tuple[str, float, float], Found]]


def show(results: Results, gate: float, tests: Mapping[float, int]) -> None:
    title = "no smallest effect" if gate == 0 else f"smallest effect {gate:.1%}"
    table = Table(
        title=f"Seven noise models, {title}; {tests[0.0]:,} A/A tests a model, {tests[0.02]:,} of each slow-down"
    )
    table.add_column("method")
    for column in (
        "false alarms (worst)",
        "of a commit of 200",
        "finds 1 %",
        "finds 2 % (worst)",
        "finds 5 %",
        "2 % passes (worst)",
        "device-seconds: unchanged",
        "1 %",
        "2 %",
        "5 %",
    ):
        table.add_column(column, justify="right")
    for name, found in results.items():
        slower = {
            effect: _over_models(found, effect, gate, lambda part: float(part.slower.mean())) for effect in EFFECTS
        }
        passed = _over_models(found, 0.02, gate, lambda part: float(part.passed.mean()))
        seconds = [
            _over_models(found, effect, gate, lambda part: float(part.seconds.mean())).mean() for effect in EFFECTS
        ]
        table.add_row(
            name,
            f"{slower[0.0].mean():.3%} ({slower[0.0].max():.2%})",
            f"{1 - (1 - slower[0.0].mean()) ** TESTS_OF_A_COMMIT:.1%}",
            f"{slower[0.01].mean():.0%}",
            f"{slower[0.02].mean():.1%} ({slower[0.02].min():.0%})",
            f"{slower[0.05].mean():.0%}",
            f"{passed.mean():.1%} ({passed.max():.1%})",
            *(f"{value:.1f}" for value in seconds),
        )
    console.print(table)


def _over_models(
    found: Mapping[tuple[str, float, float], Found], effect: float, gate: float, figure: Callable[[Found], float]
) -> FloatArray:
    return np.array([figure(found[name, effect, gate]) for name in MODELS])


def main(*, quick: bool, seed: int = 1) -> bool:
    """Print the tables; return whether the figures to reach were reached."""
    tests = dict.fromkeys(EFFECTS, 40 if quick else 400) | {0.0: 60 if quick else 2000}
    results = {name: measure(method, (seed, number), tests) for number, (name, method) in enumerate(METHODS.items())}
    for gate in GATES:
        show(results, gate, tests)
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tests")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(0 if main(quick=arguments.quick, seed=arguments.seed) else 1)
