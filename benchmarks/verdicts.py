"""False alarms, power and device time of verdicts, ours and other tools', on noise models and on this machine.

`python -m benchmarks.verdicts [--quick] [--seed N]`. Every tool runs the device as it does by itself; a false alarm is
a slow-down called where nothing changed. Figures are means over the seven models of a phone (or over this machine as
it is and under load), the worst of them in brackets.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.noise import live
from benchmarks.noise.many import judge
from benchmarks.noise.methods import APART, FINER, METHODS, OURS, Method
from benchmarks.noise.models import MODELS
from benchmarks.noise.protocols import launch_pairs
from benchmarks.noise.tables import EFFECTS, GATE, GATES, Found, Results, console, figures, show
from ontarget.harness.statistics import decide, eprocess_rule

FIXED_SECONDS = 39.0  # of 30 launch pairs
_CHUNK = 250


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


def check_the_fast_path(seed: int) -> None:
    """End the benchmark if its answers for many series at once are not those of the rule itself."""
    for number, model in enumerate(MODELS.values()):
        for effect in EFFECTS:
            rng = np.random.default_rng([seed, number])
            pairs = launch_pairs(model, rng, sessions=2, pairs=60, slowdown=effect, alternating=False)
            for gate, answers in zip(GATES, judge(pairs.differences, smallest_effects=GATES), strict=True):
                for i in range(2):
                    times = iter(zip(pairs.baseline[i].tolist(), pairs.candidate[i].tolist(), strict=True))
                    expected = decide(eprocess_rule(smallest_effect=gate), times.__next__)
                    if expected != (answers.answers[i], answers.pairs[i]):
                        raise SystemExit(f"the rule says {expected}, many at once {answers.answers[i]}: not measured")


def main(*, quick: bool, seed: int = 1) -> bool:
    """Print the tables; return whether the figures to reach were reached."""
    check_the_fast_path(seed)
    tests = dict.fromkeys(EFFECTS, 20 if quick else 300) | {0.0: 30 if quick else 2000}
    results = {name: measure(method, (seed, number), tests) for number, (name, method) in enumerate(METHODS.items())}
    for gate in GATES:
        show(f"Seven noise models, {tests[0.0]:,} A/A tests on each, {tests[0.02]:,} of each slow-down", results, gate)
    runs = dict.fromkeys(EFFECTS, 1 if quick else 10) | {0.0: 2 if quick else 30}
    found = live.measure(seed, runs)
    for gate in GATES:
        show(
            f"This machine as it is and loaded, {runs[0.0]} A/A tests each, {runs[0.02]} of each slow-down", found, gate
        )
    return reached(results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tests")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(0 if main(quick=arguments.quick, seed=arguments.seed) else 1)
