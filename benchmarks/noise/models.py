"""Seven noise models of a phone: what multiplies the time of an inference, as a function of when and where it runs.

One inference takes 10 ms. Every model has a session offset (sd 1 %), an offset per launch (sd 0.3 %) and noise per
iteration (sd 0.8 %); the rest is each model's own. Noise is additive in log time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ITERATION = 0.010  # seconds
SESSION_SD, LAUNCH_SD, ITERATION_SD = 0.01, 0.003, 0.008


@dataclass(frozen=True)
class Model:
    """The parts of the noise; each is a size (1 as published, 0 absent).

    `modes`: 30 % of launches +5 %, and bursts of +8 % inside. `thermal`: a creep of 2 % over 15 to 45 s, a throttle saw
    of 3 to 8 % with a period of 5 to 14 s, half the time a step of 2 to 6 %. `tail`: 5 % of iterations with a
    Pareto(1.2) excess. `drift`: an AR(1) of sd 2 %, 3 s. `steps`: a frequency 0, 4, 10 or 20 % lower, held 6 s.
    """

    modes: float = 0.0
    thermal: float = 0.0
    tail: float = 0.0
    drift: float = 0.0
    steps: float = 0.0


QUIET = Model()
MODELS: Mapping[str, Model] = {
    "quiet": QUIET,
    "multimodal": replace(QUIET, modes=1.0),
    "thermal": replace(QUIET, thermal=1.0),
    "heavy tail": replace(QUIET, tail=1.0),
    "drift": replace(QUIET, drift=1.0),
    "frequency steps": replace(QUIET, steps=1.0),
    "phone": Model(modes=0.4, thermal=0.4, tail=0.4, drift=0.4, steps=0.4),
}

# Not published: how often a launch's bursts come and how long they last (iterations), the size of a tail's excess.
_BURST_STARTS, _BURST_LENGTH = 0.02, 5.0
_TAIL_SHARE, _TAIL_SIZE = 0.05, 0.1
_STEP_SIZES = np.log1p([0.0, 0.04, 0.10, 0.20])
_STEP_HOLD, _DRIFT_SD, _DRIFT_TIME = 6.0, 0.02, 3.0


def log_noise(model: Model, rng: np.random.Generator, starts: FloatArray, launches: NDArray[np.int64]) -> FloatArray:
    """The log factors on the times of iterations, for one session per row.

    `starts` [sessions, iterations] are their moments in seconds, ascending; `launches` [iterations] says in which
    launch each iteration runs (0, 1, ...). Returns [sessions, iterations].
    """
    sessions, count = starts.shape
    noise = rng.normal(0, SESSION_SD, (sessions, 1)) + rng.normal(0, ITERATION_SD, (sessions, count))
    offsets = rng.normal(0, LAUNCH_SD, (sessions, int(launches.max()) + 1))
    if model.modes:
        # Weaker is smaller and rarer by the same root, so that the variance shrinks with the square.
        offsets += np.log1p(0.05 * model.modes) * (rng.random(offsets.shape) < 0.3)
        noise += np.log1p(0.08 * model.modes) * _bursts(rng, sessions, count)
    noise += offsets[:, launches]
    if model.thermal:
        noise += model.thermal * _thermal(rng, starts)
    if model.tail:
        hit = rng.random((sessions, count)) < _TAIL_SHARE * model.tail
        noise += np.where(hit, np.log1p(_TAIL_SIZE * (1 + rng.pareto(1.2, (sessions, count)))), 0.0)
    if model.drift:
        noise += model.drift * _drift(rng, starts)
    if model.steps:
        noise += model.steps * _frequency_steps(rng, starts)
    return noise


def _bursts(rng: np.random.Generator, sessions: int, count: int) -> NDArray[np.bool_]:
    """Whether each iteration lies in a burst: they start at random and last a geometric number of iterations."""
    lengths = rng.geometric(1 / _BURST_LENGTH, (sessions, count)) * (rng.random((sessions, count)) < _BURST_STARTS)
    ends = np.maximum.accumulate(np.arange(count) + lengths, axis=1)
    return np.asarray(ends > np.arange(count))


def _thermal(rng: np.random.Generator, starts: FloatArray) -> FloatArray:
    sessions = (len(starts), 1)
    creep = 0.02 * np.clip(starts / rng.uniform(15, 45, sessions), 0, 1)
    saw = rng.uniform(0.03, 0.08, sessions) * np.mod(starts / rng.uniform(5, 14, sessions) + rng.random(sessions), 1.0)
    step = rng.uniform(0.02, 0.06, sessions) * (rng.random(sessions) < 0.5)
    return np.asarray(creep + saw + step * (starts > rng.uniform(0, 40, sessions)))


def _drift(rng: np.random.Generator, starts: FloatArray) -> FloatArray:
    """A stationary AR(1) in continuous time (Ornstein and Uhlenbeck), sampled at `starts`."""
    kept = np.exp(-np.diff(starts, axis=1, prepend=starts[:, :1]) / _DRIFT_TIME)
    shocks = rng.normal(0, _DRIFT_SD, starts.shape)
    level = shocks[:, 0]
    drift = np.empty_like(starts)
    drift[:, 0] = level
    fresh = np.sqrt(1 - kept**2)
    for i in range(1, starts.shape[1]):
        level = level * kept[:, i] + shocks[:, i] * fresh[:, i]
        drift[:, i] = level
    return drift


def _frequency_steps(rng: np.random.Generator, starts: FloatArray) -> FloatArray:
    """A level drawn afresh at random moments, `_STEP_HOLD` seconds apart on average."""
    gaps = np.diff(starts, axis=1, prepend=starts[:, :1])
    changes = np.cumsum(rng.random(starts.shape) < 1 - np.exp(-gaps / _STEP_HOLD), axis=1, dtype=np.intp)
    levels = rng.choice(_STEP_SIZES, (len(starts), int(changes.max()) + 1))
    return np.asarray(np.take_along_axis(levels, changes, axis=1))
