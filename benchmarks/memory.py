"""What memory costs: the size of a comparison, the time to keep it, and questions to a large store.

    python -m benchmarks.memory [--quick] [--seed N] [--tests N] [--store postgresql://...]

The store is a new SQLite file, or an empty PostgreSQL database that is given; it is filled with tests on 5 devices over
many commits, as CI would fill it. Samples are there of the newest comparisons only, as after `ontarget prune`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from ontarget.device_farm.database import Database, opening, schema
from ontarget.device_farm.memory.analysis import changes
from ontarget.device_farm.memory.codec import Measured, decode, encode
from ontarget.device_farm.memory.memory import Memory
from ontarget.device_farm.memory.pruning import Policy
from ontarget.device_farm.memory.rows import comparison_values, pack_differences, subject_values
from ontarget.device_farm.memory.schema import comparisons, evidence, runs, subjects
from ontarget.harness.metrics.identity import Identity
from ontarget.harness.metrics.pairs import SIDES
from support.memories import IDENTITY, compared, keep, record_of

DEVICES, SAMPLED = 5, 3


def main(*, quick: bool = False, seed: int = 1, store: str | None = None, tests: int = 100) -> bool:
    commits, tests = (100, 20) if quick else (1000, tests)
    rng = np.random.default_rng(seed)
    _print_sizes(rng)
    with tempfile.TemporaryDirectory() as folder:
        address = store or f"sqlite:///{Path(folder) / 'memory.db'}"
        database = opening.connect(address)
        schema.bring_up(database)
        seconds, _ = timed(lambda: fill(database, commits, tests, rng))
        database.close()
        rows = commits * tests * DEVICES
        print(
            f"a store of {commits} commits x {tests} tests x {DEVICES} devices, {rows:,} comparisons: {seconds:.0f} s"
        )
        if store is None:
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
            print(f"  its size: {size / 1e6:,.0f} MB, {size / rows:,.0f} bytes a comparison (summary and differences)")
        with Memory.open(address) as memory:
            _print_questions(memory, rng)
    return True


def timed(act: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """The median of so many runs, in seconds, and what the last returned."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        found = act()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)), found


def fill(database: Database, commits: int, tests: int, rng: np.random.Generator) -> None:
    identities = [_identity(test, device) for test in range(tests) for device in range(DEVICES)]
    template = compared(rng, pairs=6, ratio=5.0)
    values = {**comparison_values(template, record_of(template)), "kind": "compare", "accepted": None}
    samples, differences = encode(Measured.of(template)), pack_differences(template.differences())
    with database.writing() as connection:
        connection.execute(insert(subjects), [{"id": i + 1, **subject_values(one)} for i, one in enumerate(identities)])
    levels = rng.normal(0, 0.01, (commits, len(identities)))
    for commit in range(commits):
        run = f"{commit:032x}"
        told = {"id": run, "commit": f"{commit:040x}", "purpose": "CI", "version": "1", "started": float(commit)}
        builds = {"candidate": f"{commit + 1:064x}", "baseline": f"{commit:064x}", "run": run, "at": float(commit)}
        first = commit * len(identities) + 1
        made = [
            {**values, **builds, "id": first + i, "subject": i + 1, "ratio": 5.0 + float(levels[commit, i])}
            for i in range(len(identities))
        ]
        kept = samples if commit >= commits - SAMPLED else None
        beside = [{"comparison": row["id"], "differences": differences, "samples": kept} for row in made]
        with database.writing() as connection:
            connection.execute(insert(runs).values(**told))
            for part in _parts(made):
                connection.execute(insert(comparisons), part)
            for part in _parts(beside):
                connection.execute(insert(evidence), part)


def _parts(rows: list[dict[str, Any]], size: int = 1000) -> Iterator[list[dict[str, Any]]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _identity(test: int, device: int) -> Identity:
    return Identity(
        test=f"ontarget.suites.test_speech::test_layer[raspberry-pi-4b-convolution-{test}-f32]",
        device=f"pi4-{device:02d}",
        model="raspberry-pi-4b",
        check="latency",
        clock="time",
        cores=(3,),
        threads=1,
        backend="cpu",
        agent="a" * 64,
        system="Linux 6.12.47; Debian 13; aarch64",
    )


def _print_sizes(rng: np.random.Generator) -> None:
    print(f"{'samples of':<12}{'raw bytes':>12}{'packed':>10}{'each':>9}{'packing':>10}{'reading':>10}")
    for pairs in (6, 20, 60):
        found = compared(rng, pairs=pairs)
        measured = Measured.of(found)
        arrays = [array for pair in found.pairs for side in SIDES for array in (pair.samples[side], pair.warmups[side])]
        raw, count = sum(array.nbytes for array in arrays), sum(array.size for array in arrays)
        seconds, blob = timed(partial(encode, measured), 20)
        back, _ = timed(partial(decode, blob), 20)
        print(
            f"{pairs:>3} pairs   {raw:>12,}{len(blob):>10,}{len(blob) / count:>7.2f} B"
            f"{1e3 * seconds:>7.1f} ms{1e3 * back:>7.1f} ms"
        )


def _print_questions(memory: Memory, rng: np.random.Generator) -> None:
    identity = _identity(7, 2)
    series = (identity.test, identity.device, identity.check)
    seconds, points = timed(lambda: memory.series(*series), 5)
    print(f"  series of one test on one device, {len(points)} commits: {1e3 * seconds:.0f} ms")
    seconds, found = timed(lambda: changes(points), 3)
    print(f"  changes in it: {1e3 * seconds:.0f} ms ({len(found)})")
    seconds, learned = timed(lambda: memory.differences(identity), 5)
    known = 0 if learned.differences is None else learned.differences.size
    print(f"  what identical builds differ by ({known} differences): {1e3 * seconds:.1f} ms")
    seconds, names = timed(memory.tests, 5)
    print(f"  names of all {len(names)} tests, as the shell completes them: {1e3 * seconds:.1f} ms")
    seconds, _ = timed(lambda: keep(memory, compared(rng, pairs=13), identity=IDENTITY), 20)
    made, _ = timed(lambda: compared(rng, pairs=13), 20)
    print(f"  keeping a comparison of 13 pairs: {1e3 * (seconds - made):.1f} ms")
    seconds, done = timed(lambda: memory.prune(Policy(age=0.0), author="a benchmark", only_look=True))
    print(f"  looking what may be pruned: {seconds:.1f} s ({done.comparisons} comparisons)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", help="an empty PostgreSQL database instead of a file")
    parser.add_argument("--tests", type=int, default=100, help="how many the store has")
    arguments = parser.parse_args()
    main(quick=arguments.quick, seed=arguments.seed, store=arguments.store, tests=arguments.tests)
