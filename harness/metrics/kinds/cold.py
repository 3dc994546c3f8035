"""The first call after the library was loaded: what lazy binding, first touches and set-up at first use cost.

The file is in the device's page cache: what a flash chip takes is not in it. Where the work is done beside the CPU, its
kernels are compiled: the folders in which drivers keep them are empty.
"""

from contextlib import ExitStack
from typing import Final

from ontarget.harness.device import CPU
from ontarget.harness.metrics.metric import Metric, Reading
from ontarget.harness.metrics.pairs import Contest, Side, baseline_excused, launched

_COMPILING: Final = 120.0  # seconds


def _measure(contest: Contest, side: Side) -> Reading:
    with ExitStack() as stack:
        bound = launched(contest, side, stack, cold=True)
        compiles = contest.build(side).backend != CPU
        deadline = max(contest.call_deadline, _COMPILING) if compiles else contest.call_deadline
        with baseline_excused(side):
            (first,) = bound.process.time(bound, samples=1, deadline=deadline)
    return Reading(max(float(first), 1.0) * 1e-9)


METRIC: Final = Metric(
    "cold", "s", _measure, target=0.10, smallest_effect=0.02, timed=True, more="slower", less="faster"
)
