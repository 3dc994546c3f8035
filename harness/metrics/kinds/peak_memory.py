"""The most memory that a process of the build had resident (VmHWM), from its start to the end of a few calls."""

from contextlib import ExitStack
from typing import Final

from ontarget.harness.metrics.metric import Metric, Reading
from ontarget.harness.metrics.pairs import Contest, Side, baseline_excused, start

_CALLS: Final = 3


def _measure(contest: Contest, side: Side) -> Reading:
    with ExitStack() as stack:
        bound = start(contest, side, stack)
        with baseline_excused(side):
            for _ in range(_CALLS - 1):
                bound.process.run(bound, deadline=contest.call_deadline)
            return Reading(float(bound.process.memory()))


METRIC: Final = Metric("peak-memory", "bytes", _measure, target=0.02, smallest_effect=0.005)
