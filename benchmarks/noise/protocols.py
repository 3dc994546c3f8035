"""How tools run a device: who is timed when, for how many device-seconds. All give times of iterations in seconds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.noise.models import ITERATION, Model, log_noise

FloatArray = NDArray[np.float64]

LAUNCH, WARMUPS, TIMED = 0.4, 5, 20  # seconds, iterations, iterations
BURST = 5  # calls of a burst, of which the first is thrown away


@dataclass(frozen=True)
class Runs:
    """How one side is run on its own: launches, and in each of them warm-up calls and values of some calls each."""

    launches: int
    warmups: int
    values: int
    calls: int = 1

    @property
    def per_launch(self) -> int:
        return self.warmups + self.values * self.calls


@dataclass(frozen=True)
class Pairs:
    """Launch pairs of many sessions: the sides' medians [sessions, pairs] in seconds, and device-seconds [same]."""

    baseline: FloatArray
    candidate: FloatArray
    seconds: FloatArray

    @property
    def differences(self) -> FloatArray:
        return np.asarray(np.log(self.candidate / self.baseline))


def launch_pairs(
    model: Model, rng: np.random.Generator, *, sessions: int, pairs: int, slowdown: float, alternating: bool
) -> Pairs:
    """Simulate `pairs` launch pairs in each of so many sessions, the candidate slower by `slowdown` (a ratio - 1).

    A coin toss per pair says who goes first. Each side launches, warms up and is timed; with `alternating` both are
    launched first, and take turns in bursts. A pair costs the same device time either way.
    """
    order = _alternating_order() if alternating else _launch_order()
    idle, side, timed = order
    per_pair = side.size
    iterations = np.tile(idle, pairs)
    first = rng.random((sessions, pairs)) < 0.5  # candidate goes first
    is_candidate = (np.tile(side, pairs) == 0) == np.repeat(first, per_pair, axis=1)
    nominal = np.cumsum(iterations + ITERATION) - ITERATION
    launches = np.repeat(np.arange(pairs) * 2, per_pair) + np.tile(side, pairs)
    starts = np.broadcast_to(nominal, (sessions, nominal.size))
    noise = log_noise(model, rng, starts, launches)
    times = ITERATION * np.exp(noise + np.log1p(slowdown) * is_candidate)
    blocks = times.reshape(sessions, pairs, per_pair)
    one, two = (np.median(blocks[:, :, timed & (side == which)], axis=-1) for which in (0, 1))
    seconds = blocks.sum(axis=-1) + idle.sum()
    return Pairs(np.where(first, two, one), np.where(first, one, two), seconds)


Order = tuple[FloatArray, NDArray[np.int64], NDArray[np.bool_]]  # idle seconds before, side, whether timed; per call


def _launch_order() -> Order:
    calls = WARMUPS + TIMED
    idle = np.zeros(2 * calls)
    idle[[0, calls]] = LAUNCH
    side = np.repeat([0, 1], calls)
    timed = np.tile(np.arange(calls) >= WARMUPS, 2)
    return idle, side, timed


def _alternating_order() -> Order:
    bursts = TIMED // BURST
    warmups = np.repeat([0, 1], WARMUPS)
    side = np.concatenate([warmups, np.tile(np.repeat([0, 1], BURST), bursts)])
    idle = np.zeros(side.size)
    idle[[0, WARMUPS]] = LAUNCH
    timed = np.concatenate([np.zeros(warmups.size, bool), np.tile(np.arange(BURST) > 0, 2 * bursts)])
    return idle, side, timed


def one_after_the_other(
    model: Model, rng: np.random.Generator, *, sessions: int, runs: Runs, slowdown: float, stored: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """All runs of the baseline, then all of the candidate; the baseline in an earlier session if it is `stored`.

    Returns the sides' values (means of their calls) in seconds [sessions, launches * values], and device-seconds
    [sessions], without those of a stored baseline.
    """
    calls = runs.launches * runs.per_launch
    idle = np.where(np.arange(calls) % runs.per_launch == 0, LAUNCH, 0.0)
    launch = np.arange(calls) // runs.per_launch
    if stored:
        baseline, candidate = (_timed(model, rng, sessions, idle, launch) for _ in range(2))
    else:
        both = _timed(model, rng, sessions, np.tile(idle, 2), np.concatenate([launch, launch + runs.launches]))
        baseline, candidate = both[:, :calls], both[:, calls:]
    candidate = candidate * (1 + slowdown)
    spent = candidate.sum(axis=1) + idle.sum()
    if not stored:
        spent = spent + baseline.sum(axis=1) + idle.sum()
    return _values(baseline, runs), _values(candidate, runs), spent


def _timed(
    model: Model, rng: np.random.Generator, sessions: int, idle: FloatArray, launch: NDArray[np.int64]
) -> FloatArray:
    starts = np.broadcast_to(np.cumsum(idle + ITERATION) - ITERATION, (sessions, idle.size))
    return np.asarray(ITERATION * np.exp(log_noise(model, rng, starts, launch)))


def _values(times: FloatArray, runs: Runs) -> FloatArray:
    timed = times.reshape(len(times), runs.launches, runs.per_launch)[:, :, runs.warmups :]
    return np.asarray(timed.reshape(len(times), runs.launches * runs.values, runs.calls).mean(axis=-1))
