"""Cycles of one call, counted by the processor: a time that does not move with the clock's frequency."""

from typing import Final

from ontarget.harness.agent.frames import Counter
from ontarget.harness.metrics.counting import count
from ontarget.harness.metrics.metric import Metric

METRIC: Final = Metric(
    "cpu-cycles",
    "cycles",
    lambda contest, side: count(contest, side, Counter.CYCLES),
    target=0.02,
    smallest_effect=0.005,
)
