"""How long a call takes once it has run for a minute, and where on the way there it fell off.

Each build runs by itself, from a cool device on. A pair takes minutes: for an answer give the test time (`--test-time
1h`); without it the effect is told, and where each build falls off.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.metric import Metric, Reading
from ontarget.harness.metrics.pairs import Contest, Side, baseline_excused, call_time, start

SECONDS: Final = 60.0
_SLICE: Final = 1.0
_SAMPLES: Final = 10
_FALLEN: Final = 1.05
_LAST_SHARE: Final = 4  # the last quarter stands for it


def falls_off(slices: NDArray[np.float64]) -> int | None:
    """The first of the slices [n] from which on calls stay 5 % slower than in the first ones; None if they do not."""
    usual = float(np.median(slices[: max(1, len(slices) // 10)]))
    slow = slices > _FALLEN * usual
    if not slow[-1]:
        return None
    fast = np.flatnonzero(~slow)
    return int(fast[-1]) + 1 if fast.size else 0


def run(
    contest: Contest,
    side: Side,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    each_slice: float = _SLICE,
) -> tuple[NDArray[np.float64], float]:
    """The median seconds of a call in each slice of a run [n >= 4], and how long a slice took, by `clock`."""
    contest.build(side).device.get_ready()
    medians: list[float] = []
    with ExitStack() as stack:
        bound = start(contest, side, stack)
        with baseline_excused(side):
            call_ns = call_time(bound, deadline=contest.call_deadline)
            calls = max(1, ceil(each_slice * 1e9 / (_SAMPLES * call_ns)))
            began = clock()
            while len(medians) < _LAST_SHARE or clock() - began < seconds:
                deadline = _SAMPLES * calls * contest.call_deadline
                samples = bound.process.time(bound, samples=_SAMPLES, calls_per_sample=calls, deadline=deadline)
                medians.append(float(np.median(samples)) * 1e-9 / calls)
            each = (clock() - began) / len(medians)
    return np.array(medians), each


def _measure(contest: Contest, side: Side) -> Reading:
    slices, each = run(contest, side, SECONDS)
    value = float(np.median(slices[-max(1, len(slices) // _LAST_SHARE) :]))
    fell = falls_off(slices)
    if fell is None:
        return Reading(value, f"held for {each * len(slices):.0f} s")
    early = float(np.median(slices[: max(1, len(slices) // 10)]))
    return Reading(value, f"falls off after {each * fell:.0f} s, by {100 * (value / early - 1):.0f} %")


METRIC: Final = Metric(
    "sustained", "s", _measure, target=0.05, smallest_effect=0.01, timed=True, more="slower", less="faster"
)
