"""What one call takes in joules, where the profile has a meter that is read beside the calls.

The side runs against itself, so that it never rests, and the meter is read between its bursts.
"""

from contextlib import ExitStack
from typing import Final

import numpy as np

from ontarget.harness.metrics.metric import Metric, Reading, Unmeasured
from ontarget.harness.metrics.pairs import Contest, Side, baseline_excused, call_time, planned, start

_SECONDS: Final = 1.0  # power monitors average over up to 140 ms
_FEWEST: Final = 3


def _measure(contest: Contest, side: Side) -> Reading:
    device = contest.build(side).device
    if not device.watch_power():
        raise Unmeasured(f"{device.info.name} has no meter that profile {device.profile.name} reads beside the calls")
    with ExitStack() as stack:
        bounds = [start(contest, side, stack) for _ in range(2)]
        with baseline_excused(side):
            call_ns = call_time(bounds[0], deadline=contest.call_deadline)
            plan = planned(contest, call_ns, _SECONDS)
            device.watched()
            samples = np.concatenate(device.session.duet(bounds[0], bounds[1], plan.duet(0)))
    watts = [moment.conditions.watts for moment in device.watched() if moment.conditions.watts is not None]
    if len(watts) < _FEWEST:
        raise Unmeasured(
            f"the meter of {device.info.name} was read {len(watts)} times within {_SECONDS:g} s: too seldom"
        )
    seconds = float(np.median(samples)) * 1e-9 / plan.calls_per_sample
    return Reading(float(np.mean(watts)) * seconds, f"{np.mean(watts):.2f} W")


METRIC: Final = Metric("energy", "J", _measure, target=0.05, smallest_effect=0.01, timed=True)
