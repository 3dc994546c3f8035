"""The first call after the library was loaded: what lazy binding, first touches and set-up at first use cost.

The file is in the device's page cache: what a flash chip takes is not in it.
"""

from contextlib import ExitStack
from typing import Final

from ontarget.harness.metrics.metric import Metric, Reading
from ontarget.harness.metrics.pairs import Contest, Side, baseline_excused, launched


def _measure(contest: Contest, side: Side) -> Reading:
    with ExitStack() as stack:
        bound = launched(contest, side, stack)
        with baseline_excused(side):
            (first,) = bound.process.time(bound, samples=1, deadline=contest.call_deadline)
    return Reading(max(float(first), 1.0) * 1e-9)


METRIC: Final = Metric(
    "cold", "s", _measure, target=0.10, smallest_effect=0.02, timed=True, more="slower", less="faster"
)
