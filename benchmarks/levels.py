"""What to detect changes in: the levels that sessions and effects give together, or either alone.

    python -m benchmarks.levels [--quick] [--seed N]

Simulated are 200 commits, each measured against its parent in a session of its own, without a change and with a step.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ontarget.device_farm.memory.levels import CAUTION, Sighting, solve
from ontarget.harness.statistics.changes import detect

FloatArray = NDArray[np.float64]
COMMITS, PLACE, NEAR = 200, 120, 5
SESSIONS = ((0.0015, 0.015), (0.001, 0.005), (0.003, 0.01))  # the effects' error, the sessions' scatter


def line(truth: FloatArray, error: float, scatter: float, rng: np.random.Generator) -> list[Sighting]:
    """Each commit's session: its own level and the effect against its parent, both with their noise."""
    sessions, noise = rng.normal(0, scatter, truth.size), rng.normal(0, error, truth.size)
    seen = [Sighting("0", float(truth[0] + sessions[0]))]
    for i in range(1, truth.size):
        effect = float(truth[i] - truth[i - 1] + noise[i])
        seen.append(Sighting(str(i), float(truth[i] + sessions[i]), str(i - 1), effect, error))
    return seen


def together(seen: Sequence[Sighting], caution: float = CAUTION) -> FloatArray:
    solved = solve([replace(one, error=one.error * caution / CAUTION) for one in seen])
    return np.array([solved[str(i)] for i in range(len(seen))])


def added_up(seen: Sequence[Sighting]) -> FloatArray:
    return np.cumsum([one.effect or 0.0 for one in seen])


def alone(seen: Sequence[Sighting]) -> FloatArray:
    return np.array([one.level for one in seen])


WAYS: Mapping[str, Callable[[Sequence[Sighting]], FloatArray]] = {
    "sessions' levels alone": alone,
    "effects added up": added_up,
    "together, errors as they are": lambda seen: together(seen, 1.0),
    f"together, {CAUTION:g} times the errors": together,
}


def main(*, quick: bool = False, seed: int = 1) -> bool:
    rng = np.random.default_rng(seed)
    series = 6 if quick else 60
    print(f"{'levels from':<32}{'error':>8}{'scatter':>9}{'false per 100':>15}{'1 % found':>11}{'exactly':>9}")
    for error, scatter in SESSIONS:
        quiet = [line(np.zeros(COMMITS), error, scatter, rng) for _ in range(series)]
        step = np.where(np.arange(COMMITS) >= PLACE, 0.01, 0.0)
        stepped = [line(step, error, scatter, rng) for _ in range(series)]
        for name, way in WAYS.items():
            false = sum(len(detect(np.exp(way(seen)))) for seen in quiet)
            found = [detect(np.exp(way(seen))) for seen in stepped]
            near = sum(any(abs(place - PLACE) <= NEAR for place in places) for places in found)
            exact = sum(PLACE in places for places in found)
            rate = 100 * false / (series * COMMITS)
            print(
                f"{name:<32}{100 * error:>7.2f}%{100 * scatter:>8.1f}%{rate:>15.2f}"
                f"{100 * near / series:>10.0f}%{100 * exact / series:>8.0f}%"
            )

    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.levels", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer series")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    main(quick=arguments.quick, seed=arguments.seed)
