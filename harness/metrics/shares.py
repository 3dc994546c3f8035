"""Where the time of a chain of calls goes: each step timed in its place, after the one that feeds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ontarget.harness.agent.process import Bound

ROUNDS = 9


@dataclass(frozen=True)
class StepTime:
    """Nanoseconds (or instructions, where the clock counts those) of one call of a step: the median of the rounds."""

    name: str
    nanoseconds: float
    share: float


def step_times(chain: Bound, *, rounds: int = ROUNDS, deadline: float = 10.0) -> tuple[StepTime, ...]:
    """Run the chain's steps in order, each timed by itself, `rounds` times and once to warm up.

    Caches hold at each step what the steps before left in them, as in the whole. The sum is more than the whole takes,
    by a look at the clock for each step. `deadline` (seconds) is for one step. Raises ValueError for a call that is no
    chain, and as `Process.time`.
    """
    if not chain.steps:
        raise ValueError(f"{chain.function} is no chain of calls: it has no steps to tell apart")
    process = chain.process
    taken = np.empty((rounds + 1, len(chain.steps)))
    for row in taken:
        for at, step in enumerate(chain.steps.values()):
            row[at] = process.time(step, samples=1, deadline=deadline)[0]
    return shared(list(chain.steps), np.median(taken[1:], axis=0).tolist())


def shared(names: Sequence[str], times: Sequence[float]) -> tuple[StepTime, ...]:
    """The steps with their shares of the sum, in order."""
    total = sum(times) or 1.0
    return tuple(StepTime(name, time, time / total) for name, time in zip(names, times, strict=True))


def to_json(sides: Mapping[str, Sequence[StepTime]]) -> dict[str, object]:
    """By side: the steps with nanoseconds and share of the sum."""
    return {
        side: [{"step": one.name, "nanoseconds": one.nanoseconds, "share": round(one.share, 6)} for one in steps]
        for side, steps in sides.items()
    }


def to_csv(sides: Mapping[str, Any]) -> str:
    """What `to_json` gave, as a table: a row for each step, columns of nanoseconds and shares for each side."""
    rows = [["step", *(f"{side} {what}" for side in sides for what in ("ns", "share"))]]
    for together in zip(*sides.values(), strict=True):
        cells = [str(one[key]) for one in together for key in ("nanoseconds", "share")]
        rows.append([together[0]["step"], *cells])
    return "".join(",".join(row) + "\n" for row in rows)


def in_words(steps: Sequence[StepTime], most: int = 5) -> str:
    """The largest shares."""
    largest = sorted(steps, key=lambda one: -one.share)[:most]
    return ", ".join(f"{one.name} {one.share:.0%}" for one in largest)
