"""What the processor counts during a call, where the kernel allows it (perf_event_open)."""

from contextlib import ExitStack
from math import ceil
from typing import Final

from ontarget.harness.agent.frames import Counter
from ontarget.harness.errors import UncountedDevice
from ontarget.harness.metrics.metric import Reading, Unmeasured
from ontarget.harness.metrics.pairs import Contest, Side, baseline_excused, call_time, start

_LONG_ENOUGH_NS: Final = 5e6


def count(contest: Contest, side: Side, counter: Counter) -> Reading:
    """Events of one call of a side, in user space. Raises Unmeasured, and as `start`.

    Only the thread that calls is counted, so that a kernel of several threads is not.
    """
    if contest.threads > 1:
        raise Unmeasured(f"{contest.threads} threads, of which the processor would count one: run it with --threads 1")
    with ExitStack() as stack:
        bound = start(contest, side, stack)
        with baseline_excused(side):
            calls = max(1, ceil(_LONG_ENOUGH_NS / call_time(bound, deadline=contest.call_deadline)))
            try:
                found = bound.process.count(bound, [counter], calls=calls, deadline=calls * contest.call_deadline)
            except UncountedDevice as error:
                raise Unmeasured(str(error)) from error
    return Reading(max(found[counter] / calls, 1.0))
