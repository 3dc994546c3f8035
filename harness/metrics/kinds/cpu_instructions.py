"""Instructions of one call, counted by the processor: nearly free of noise, and blind to caches and clocks."""

from typing import Final

from ontarget.harness.agent.frames import Counter
from ontarget.harness.metrics.counting import count
from ontarget.harness.metrics.metric import Metric

METRIC: Final = Metric(
    "cpu-instructions",
    "instructions",
    lambda contest, side: count(contest, side, Counter.INSTRUCTIONS),
    target=0.01,
    smallest_effect=0.002,
)
