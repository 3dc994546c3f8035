"""Memories for tests, and comparisons to fill them with, as a device would have measured them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ontarget.device_farm.database import opening, schema
from ontarget.device_farm.memory.memory import Memory
from ontarget.harness.metrics.comparison import BuildFacts, Comparison, judged
from ontarget.harness.metrics.identity import Identity
from ontarget.harness.metrics.pairs import SIDES, Side
from ontarget.harness.metrics.reference import Level
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import CheckRecord
from ontarget.harness.statistics.estimate import quantiles
from support.launch_pairs import launch_pair

TEST = "kernels.test_saxpy::test_saxpy[pi-1000]"
IDENTITY = Identity(
    test=TEST,
    device="pi-1",
    model="pi",
    check="latency",
    clock="time",
    cores=(3,),
    threads=1,
    backend="cpu",
    agent="a" * 64,
    system="Linux 6.12; Debian 13; aarch64",
)


def initialised(address: str) -> str:
    """The address, once there is a store: PostgreSQL's are made by an administrator."""
    database = opening.connect(address)
    schema.bring_up(database)
    database.close()
    return address


@contextmanager
def memory_in(folder: Path) -> Iterator[Memory]:
    with Memory.open(f"sqlite:///{folder / 'farm.db'}") as memory:
        yield memory


def compared(
    rng: np.random.Generator,
    slowdown: float = 0.0,
    *,
    answer: Answer = Answer.PASS,
    candidate: str = "c" * 64,
    baseline: str = "b" * 64,
    pairs: int = 10,
    between: float = 0.002,
    ratio: float | None = None,
) -> Comparison:
    """A comparison whose candidate is slower by `slowdown`; with a level (a log ratio to the reference) if given."""
    measured = tuple(launch_pair(rng, slowdown, between=between) for _ in range(pairs))
    found = Comparison("latency", judged(answer, np.empty(0)), "as measured", pairs=measured, per_call=1e-9)
    level = None if ratio is None else Level((ratio,), 1e-3, "f" * 64)
    times = {side: np.concatenate([pair.samples[side] for pair in measured]) * 1e-9 for side in SIDES}
    return replace(
        found,
        verdict=judged(answer, found.differences(), 3.0),
        quantiles={side: quantiles(values) for side, values in times.items()},
        builds={Side.CANDIDATE: BuildFacts(candidate, "cc 1"), Side.BASELINE: BuildFacts(baseline, "cc 1")},
        level=level,
    )


def record_of(comparison: Comparison, identity: Identity = IDENTITY, outcome: Outcome = Outcome.PASS) -> CheckRecord:
    return CheckRecord(
        id=identity.test,
        device=identity.device,
        model=identity.model,
        layer=None,
        dtype=None,
        check=identity.check,
        outcome=outcome,
        seconds=1.5,
        message=comparison.message,
        verdict=comparison.verdict,
    )


def keep(
    memory: Memory,
    comparison: Comparison,
    *,
    commit: str | None = "1" * 40,
    identity: Identity = IDENTITY,
    accepted: int | None = None,
) -> int:
    """Record a comparison in a run of its own."""
    run = memory.begin_run(commit=commit, purpose="a test", started=0.0)
    return memory.record(run, identity, comparison, record_of(comparison, identity), accepted=accepted)
