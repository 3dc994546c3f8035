"""A large store for the farm's page: many commits x tests x devices, as CI would fill it, with noise by the models.

    python -m benchmarks.big_store ADDRESS [--commits 1000] [--tests 500] [--devices 5] [--seed N]

ADDRESS is a new SQLite file (sqlite:///PATH) or an empty PostgreSQL database. Each device has one of the noise models;
differences of launch pairs are drawn from simulated sessions, some tests get steps of their level, some devices faults.
Samples are kept of the newest commits only, as after `ontarget prune`; what all of them would take is told.
"""

import argparse
import hashlib
import json
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text

from benchmarks.noise.models import MODELS
from benchmarks.noise.protocols import launch_pairs
from ontarget.device_farm.database import Database, opening, schema
from ontarget.device_farm.leases.schema import transitions
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import DeviceState, LeaseRequest, Registration
from ontarget.device_farm.memory.codec import Measured, encode
from ontarget.device_farm.memory.rollup import note_conditions
from ontarget.device_farm.memory.rows import spread, subject_values
from ontarget.device_farm.memory.schema import comparisons, device_runs, evidence, results, runs, subjects, totals
from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.identity import Identity
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.suites.layers import full
from support.memories import compared

FloatArray = NDArray[np.float64]
PHONES: Final = ("raspberry-pi-4b", "raspberry-pi-5", "pixel-8", "galaxy-s23", "odroid-n2", "rock-5b", "pixel-6a")
PAIRS, SESSIONS, SAMPLED, EVERY = 14, 300, 2, 3600.0
STEPPED: Final = 0.02  # of the series
PART: Final = 5000


@dataclass(frozen=True)
class Session:
    """What one comparison of two like builds measures."""

    effect: float
    low: float
    high: float
    spread: float
    differences: bytes


@dataclass(frozen=True)
class Subject:
    number: int
    identity: Identity
    operator: str
    layer: str
    dtype: str
    level: float


def main(address: str, *, commits: int = 1000, tests: int = 500, devices: int = 5, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    started = time.perf_counter()
    database = opening.connect(address)
    schema.bring_up(database)
    made = make_subjects(tests, devices, rng)
    begin = time.time() - commits * EVERY
    with database.writing() as connection:
        connection.execute(insert(subjects), [{"id": s.number, **subject_values(s.identity)} for s in made])
    steps = make_steps(made, commits, rng)
    pools = [make_sessions(model, rng) for model in list(MODELS)[:devices]]
    for commit in range(commits):
        fill_commit(database, commit, commit >= commits - SAMPLED, begin + commit * EVERY, made, steps, pools, rng)
    fill_farm(database, address, devices, begin, commits, rng)
    with database.writing() as connection:
        connection.execute(text("ANALYZE"))
    database.close()
    rows = commits * len(made)
    print(f"{commits} commits x {tests} tests x {devices} devices, {rows:,} comparisons in "
          f"{time.perf_counter() - started:.0f} s")  # fmt: skip
    samples = len(encode(Measured.of(compared(rng, pairs=PAIRS))))
    print(
        f"samples of a comparison of {PAIRS} pairs: {samples:,} bytes; of all of these: {samples * rows / 1e9:.1f} GB"
    )


def make_subjects(tests: int, devices: int, rng: np.random.Generator) -> list[Subject]:
    """Layers of the suites, in as many data types as it takes."""
    named = [(layer, dtype) for dtype in ("f32", "f16", "qs8", "qu8") for layer in full()]
    chosen = [named[place] for place in sorted(rng.permutation(len(named))[:tests])]
    times = np.exp(rng.normal(-9.0, 1.2, (len(chosen), devices)))
    return [
        Subject(
            1 + t * devices + d, _identity(layer.id, dtype, PHONES[d]), layer.op, layer.id, dtype, float(times[t, d])
        )
        for t, (layer, dtype) in enumerate(chosen)
        for d in range(devices)
    ]


def _identity(layer: str, dtype: str, model: str) -> Identity:
    return Identity(
        test=f"ontarget.suites.test_content_understanding::test_latency[{model}-{layer}-{dtype}]",
        device=f"{model}-01",
        model=model,
        check="latency",
        clock="time",
        cores=(3,),
        threads=1,
        backend="cpu",
        agent="a" * 64,
        system="Linux 6.12.47; Debian 13; aarch64",
    )


def make_steps(made: Sequence[Subject], commits: int, rng: np.random.Generator) -> dict[tuple[int, int], float]:
    """Changes of level, as logs, by commit and subject."""
    steps = {}
    for subject in made:
        while rng.random() < STEPPED:
            steps[int(rng.integers(1, commits)), subject.number] = float(
                rng.choice([-1, 1, 1]) * rng.uniform(0.02, 0.1)
            )
    return steps


def make_sessions(model: str, rng: np.random.Generator) -> list[Session]:
    measured = launch_pairs(MODELS[model], rng, sessions=SESSIONS, pairs=PAIRS, slowdown=0.0, alternating=True)
    return [_session(differences) for differences in measured.differences]


def _session(differences: FloatArray) -> Session:
    found = hodges_lehmann(differences)
    low, high = (found.centre if end is None else end for end in (found.low, found.high))
    return Session(found.centre, low, high, spread(differences) or 0.0, differences.astype("<f8").tobytes())


def fill_commit(
    database: Database,
    commit: int,
    sampled: bool,
    at: float,
    made: Sequence[Subject],
    steps: dict[tuple[int, int], float],
    pools: Sequence[Sequence[Session]],
    rng: np.random.Generator,
) -> None:
    run = f"{commit:032x}"
    chosen = rng.integers(SESSIONS, size=len(made))
    scatter = rng.normal(0, 0.01, len(made))
    rows, beside, told = [], [], []
    counts: Counter[tuple[str, str]] = Counter()
    noise: dict[str, list[float]] = {}
    samples = encode(Measured.of(compared(rng, pairs=PAIRS))) if sampled else None
    for place, subject in enumerate(made):
        session = pools[place % len(pools)][chosen[place]]
        step = steps.get((commit, subject.number), 0.0)
        past = sum(size for (when, number), size in _of(steps, subject.number) if when <= commit)
        row = _row(session, step, subject.level * float(np.exp(past + scatter[place])))
        number = commit * len(made) + place + 1
        builds = {"candidate": f"{commit + 1:064x}", "baseline": f"{commit:064x}"}
        rows.append({"id": number, "subject": subject.number, "run": run, "at": at + place, **builds, **row})
        beside.append({"comparison": number, "differences": session.differences, "samples": samples})
        told.append(_record(subject, row))
        counts[subject.identity.model, str(row["outcome"])] += 1
        noise.setdefault(subject.identity.device, []).append(session.spread)
    whole = {"schema": 1, "commit": name_of(commit), "started": _time(at), "finished": _time(at + len(made)),
             "devices": [_device(name) for name in noise], "tests": told}  # fmt: skip
    with database.writing() as connection:
        job = f"https://ci.example.org/jobs/{commit}"
        named = {"id": run, "commit": name_of(commit), "branch": "main", "baseline_commit": name_of(commit - 1)}
        connection.execute(insert(runs).values(**named, purpose=job, version="1", started=at, finished=at + len(made)))
        for part in _parts(rows):
            connection.execute(insert(comparisons), part)
        for part in _parts(beside):
            connection.execute(insert(evidence), part)
        packed = zlib.compress(json.dumps(whole, separators=(",", ":")).encode(), 6)
        connection.execute(insert(results).values(run=run, results=packed))
        connection.execute(
            insert(totals), [{"run": run, "model": m, "outcome": o, "count": n} for (m, o), n in counts.items()]
        )
        connection.execute(insert(device_runs), [
            {"run": run, "device": name, "at": at, "compared": len(found), "infra": int(rng.random() < 0.01),
             "pairs": PAIRS * len(found), "flawed": int(rng.integers(9)), "noise": float(np.median(found)),
             "temperature_c": 45 + 8 * float(np.sin(commit / 40)) + float(rng.normal())}
            for name, found in noise.items()
        ])  # fmt: skip


_BY_SUBJECT: dict[int, list[tuple[tuple[int, int], float]]] = {}


def _of(steps: dict[tuple[int, int], float], number: int) -> list[tuple[tuple[int, int], float]]:
    if not _BY_SUBJECT:
        _BY_SUBJECT[0] = []
        for key, size in steps.items():
            _BY_SUBJECT.setdefault(key[1], []).append((key, size))
    return _BY_SUBJECT.get(number, [])


def _row(session: Session, step: float, level: float) -> dict[str, Any]:
    effect, low, high = (float(np.expm1(end + step)) for end in (session.effect, session.low, session.high))
    answer = "pass" if abs(step) < 0.01 else "regressed" if step > 0 else "improved"
    if not step and high - low > 0.08:
        answer = "inconclusive"
    return {
        "kind": "compare",
        "answer": answer,
        "outcome": "pass" if answer == "improved" else answer,
        "effect": effect,
        "low": low,
        "high": high,
        "pairs": PAIRS,
        "flawed": 0,
        "e_value": 0.5,
        "unit": "s",
        "level": level,
        "baseline_level": level / (1 + effect),
        "tail": level * 1.4,
        "spread": session.spread,
        "ratio": float(np.log(level / 1e-4)),
        "reference": "f" * 64,
        "toolchain": "Debian clang version 19.1.7",
        "findings": "[]",
        "seconds": 3.2,
        "message": f"{'not slower by 2.0 %: ' if answer == 'pass' else ''}{100 * abs(effect):.1f} % "
        f"{'slower' if effect > 0 else 'faster'}, {PAIRS} pairs",
    }


def _record(subject: Subject, row: dict[str, Any]) -> dict[str, Any]:
    effect, low, high, level = (float(f"{row[name]:.6g}") for name in ("effect", "low", "high", "level"))
    quantiles = {side: {"p50": level, "p90": level * 1.1, "p99": level * 1.4} for side in ("candidate", "baseline")}
    verdict = {"answer": row["answer"], "effect": effect, "interval": [low, high], "pairs": PAIRS, "e_value": 0.5,
               "confirmed": row["answer"] == "regressed" or None, "smallest_effect": 0.005}  # fmt: skip
    return {"id": subject.identity.test, "device": subject.identity.device, "model": subject.identity.model,
            "layer": subject.layer, "dtype": subject.dtype, "check": "latency", "outcome": row["outcome"],
            "seconds": 3.2, "message": row["message"], "verdict": verdict, "quantiles": quantiles, "findings": None,
            "accuracy": None, "self_test": None, "accepted": None, "operator": subject.operator}  # fmt: skip


def _device(name: str) -> dict[str, Any]:
    told = {"cpu_mhz": 1800.0, "governor": "performance", "temperature_c": 52.0, "load": 0.2}
    return {"name": name, "model": name.rpartition("-")[0], "kind": "board", "abi": "aarch64", "conditions": told}


def fill_farm(
    database: Database, address: str, devices: int, begin: float, commits: int, rng: np.random.Generator
) -> None:
    """Devices with holders, a queue, faults: what the lease store says of them."""
    names = [f"{model}-01" for model in PHONES[:devices]]
    store = open_store(address)
    store.register([Registration(name, "ssh:pi@10.0.0.9", "board", name.removesuffix("-01")) for name in names])
    faults = (
        (DeviceState.QUARANTINED, "health check failed: expected a round trip within 2 s, found 4.1 s"),
        (DeviceState.OFFLINE, "no answer on port 22 within 10 s; power-cycled twice"),
    )
    lines = []
    for name in names:
        for when in np.sort(rng.uniform(0, commits, commits // 50)):
            state, reason = faults[int(rng.integers(2))]
            lines.append({"at": begin + when * EVERY, "device": name, "state": str(state), "reason": reason,
                          "author": "ci@host", "token": None, "role": None})  # fmt: skip
    with database.writing() as connection:
        connection.execute(insert(transitions), lines)
        for place, name in enumerate(names):
            seen = Conditions(cpu_mhz=1800.0, temperature_c=48.0 + 4 * place, throttled=place == 3)
            note_conditions(connection, name, begin + commits * EVERY, seen)
    job = "https://ci.example.org/jobs/1000"
    for name in names[:2]:
        store.acquire(LeaseRequest(((name,),), "ci@runner-7", job, 86400.0), queue=False)
        store.acquire(LeaseRequest(((name,),), "anna@desk", "anna@desk", 600.0), queue=True)
    store.set_state(names[-1], DeviceState.QUARANTINED, faults[0][1], "ci@runner-7")
    store.close()


def name_of(commit: int) -> str:
    return hashlib.sha1(str(commit).encode(), usedforsecurity=False).hexdigest()


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _parts(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return (rows[start : start + PART] for start in range(0, len(rows), PART))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_store", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--devices", type=int, default=5, choices=range(2, 8))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    main(given.address, commits=given.commits, tests=given.tests, devices=given.devices, seed=given.seed)
