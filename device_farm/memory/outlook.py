"""What the memory tells about tests to come: how long they take, when they ran last, and which failed lately."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from ontarget.device_farm.memory.rollup import unpack
from ontarget.device_farm.memory.schema import durations, results, runs

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

LATELY = 5
"""Runs that count as lately."""

TestAndModel = tuple[str, str]
_FAILED = frozenset({"wrong", "regressed", "crashed", "timed-out", "invalid"})


@dataclass(frozen=True)
class Outlook:
    """By test and model: `seconds` expected, `idle` seconds since it ran, and how many runs ago it `failed`."""

    seconds: Mapping[TestAndModel, float] = field(default_factory=dict)
    idle: Mapping[TestAndModel, float] = field(default_factory=dict)
    failed: Mapping[TestAndModel, int] = field(default_factory=dict)


def read_outlook(connection: "Connection", now: float) -> Outlook:
    """What the store knows at `now`. Raises CorruptSamples for results that were damaged."""
    known = connection.execute(select(durations.c.test, durations.c.model, durations.c.seconds, durations.c.at)).all()
    newest = connection.execute(
        select(results.c.run, results.c.results)
        .join(runs, runs.c.id == results.c.run)
        .order_by(runs.c.started.desc())
        .limit(LATELY)
    ).all()
    failed: dict[TestAndModel, int] = {}
    for ago, row in enumerate(newest):
        for test in unpack(row.results, row.run)["tests"]:
            if test["outcome"] in _FAILED and test["model"]:
                failed.setdefault((test["id"], test["model"]), ago)
    return Outlook(
        seconds={(row.test, row.model): row.seconds for row in known},
        idle={(row.test, row.model): max(0.0, now - row.at) for row in known},
        failed=failed,
    )
