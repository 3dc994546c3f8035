"""Histories to look for changes in: log values, one a session, as quiet as is known, and with steps injected.

Recorded and published noise is cut into pieces; what is known to have changed in a published history is taken out.
`tuned_on` says which ones the detector's settings were chosen by (as far as to the kind: other pieces, other seeds).
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.noise.models import MODELS, Model
from benchmarks.noise.protocols import launch_pairs

FloatArray = NDArray[np.float64]
Maker = Callable[[np.random.Generator, int], FloatArray]

DATA = Path(__file__).parent / "data"
SIZES = (0.01, 0.02, 0.03, 0.05, 0.10)  # of injected steps, as ratios - 1; either way
_SHORTEST, _LONGEST = 40, 400
_EDGE, _APART = 8, 10  # points between a step and the end, and between steps
_POINTS_PER_STEP = 35
_SEEN = 450  # sessions of data/machine.csv that the settings were chosen by
_POOL = 3000


@dataclass(frozen=True, eq=False)
class History:
    """Times in the order of the sessions, and the places at which a new level begins."""

    series: FloatArray
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """Histories of one kind; `real` ones are no simulation."""

    name: str
    make: Maker
    real: bool = False
    sizes: tuple[float, ...] = SIZES


def histories(family: Family, rng: np.random.Generator, count: int) -> Iterator[History]:
    """So many quiet ones, and as many with steps, in turns."""
    for _ in range(count):
        points = round(float(np.exp(rng.uniform(np.log(_SHORTEST), np.log(_LONGEST)))))
        yield History(_times(family.make(rng, points)), ())
        yield _injected(family.make(rng, points), family.sizes, rng)


def families(rng: np.random.Generator) -> tuple[Family, ...]:
    """All of them; simulated phones are drawn from pools of sessions."""
    phone, models = _sessions({"phone": MODELS["phone"]}, rng), _sessions(MODELS, rng)
    return (
        Family("recorded, raw", _piece(_recorded("us")), real=True, sizes=(0.05, 0.1, 0.2, 0.4)),
        Family("recorded, as ratio", _piece(_recorded("ratio")), real=True, sizes=(0.02, 0.03, 0.05, 0.1, 0.2)),
        Family("published", _piece(_published()), real=True),
        Family("phone, raw", _drawn(phone, 0)),
        Family("phone, as ratio", _drawn(phone, 1)),
        Family("seven models, raw", _drawn(models, 0)),
        Family("seven models, as ratio", _drawn(models, 1)),
        Family("wandering with outliers", _wandering),
    )


def _times(logs: FloatArray) -> FloatArray:
    return np.asarray(1000.0 * np.exp(logs))


def _injected(logs: FloatArray, sizes: tuple[float, ...], rng: np.random.Generator) -> History:
    wanted = int(rng.integers(1, max(2, logs.size // _POINTS_PER_STEP) + 1))
    places: list[int] = []
    for place in rng.integers(_EDGE, logs.size - _EDGE, 200).tolist():
        if len(places) < wanted and all(abs(place - other) >= _APART for other in places):
            places.append(place)
    changed = logs.copy()
    for place in places:
        changed[place:] += np.log1p(rng.choice(sizes)) * rng.choice([-1, 1])
    return History(_times(changed), tuple(sorted(places)))


def _recorded(what: str) -> list[FloatArray]:
    with (DATA / "machine.csv").open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))[_SEEN:]
    kernels = [name.removesuffix(" us") for name in rows[0] if name.endswith(" us")]
    columns = [np.array([float(row[f"{kernel} {what}"]) for row in rows]) for kernel in kernels]
    return [np.log(column) if what == "us" else column for column in columns]


def _published() -> list[FloatArray]:
    data = json.loads((DATA / "published.json").read_text())
    quiet = []
    for name, values in data["series"].items():
        levels = np.split(np.log(values), data["levels"][name])
        quiet.append(np.concatenate([level - np.median(level) for level in levels]))
    return quiet


def _piece(sources: list[FloatArray]) -> Maker:
    """A stretch of one of the sources, shorter where it is."""

    def make(rng: np.random.Generator, points: int) -> FloatArray:
        source = sources[int(rng.integers(len(sources)))]
        points = min(points, source.size)
        start = int(rng.integers(0, source.size - points + 1))
        return source[start : start + points].copy()

    return make


def _sessions(models: Mapping[str, Model], rng: np.random.Generator) -> list[tuple[FloatArray, FloatArray]]:
    """For each model sessions of three launch pairs with a reference kernel: log time [pool], log ratio [pool]."""
    found = []
    for model in models.values():
        pairs = launch_pairs(model, rng, sessions=_POOL, pairs=3, slowdown=0.0, alternating=True)
        found.append((np.log(np.median(pairs.candidate, axis=1)), np.median(pairs.differences, axis=1)))
    return found


def _drawn(pools: list[tuple[FloatArray, FloatArray]], which: int) -> Maker:
    def make(rng: np.random.Generator, points: int) -> FloatArray:
        pool = pools[int(rng.integers(len(pools)))][which]
        return pool[rng.integers(0, pool.size, points)]

    return make


def _wandering(rng: np.random.Generator, points: int) -> FloatArray:
    """An AR(1) of random memory, spread that changes, one-sided outliers, and values told in coarse steps."""
    memory, spread = rng.uniform(0, 0.7), rng.uniform(0.003, 0.012)
    shocks = rng.standard_t(5, points) * spread * np.sqrt(1 - memory**2)
    shocks *= np.where(rng.random() < 0.5, 1.0, np.repeat(rng.lognormal(0, 0.5, points // 40 + 1), 40)[:points])
    logs = np.empty(points)
    level = 0.0
    for i, shock in enumerate(shocks):
        level = memory * level + shock
        logs[i] = level
    outliers = rng.random(points) < rng.uniform(0, 0.08)
    logs[outliers] += rng.lognormal(-2.5, 1.0, int(outliers.sum()))
    grain = rng.choice([0.0, 0.001, 0.004])
    return np.asarray(np.round(logs / grain) * grain if grain else logs)
