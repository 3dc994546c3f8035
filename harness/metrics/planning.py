"""How many calls make a sample, a burst and a launch pair, planned from a first timing."""

from dataclasses import dataclass
from math import ceil

from ontarget.harness.agent.session import DuetPlan

BURST_NS = 3e6
SAMPLES_PER_BURST = 32
# From here on a call outlasts what the other side left in the caches, and a burst is a single call.
SLOW_CALL_NS = 1e7
DISCARD_NS = 3e5
WARMUP_NS = 15e6
_FEWEST_BURSTS, _MOST_BURSTS = 7, 40
_TICKS_PER_SAMPLE = 1000
_LONGEST_SAMPLE_NS = 5e7


@dataclass(frozen=True)
class CallPlan:
    """What is done in each launch pair, the same in all pairs of a test; counts are per side."""

    bursts: int
    samples_per_burst: int
    calls_per_sample: int
    discard: int
    warmup_samples: int
    deadline: float

    def duet(self, first: int) -> DuetPlan:
        """The device's part of it; `first` (0 or 1) starts."""
        return DuetPlan(
            bursts=self.bursts,
            samples_per_burst=self.samples_per_burst,
            calls_per_sample=self.calls_per_sample,
            discard=self.discard,
            warmup_calls=max(1, self.discard),
            first=first,
            deadline=self.deadline,
        )


def plan_calls(call_ns: float, *, resolution_ns: int, pair_seconds: float) -> CallPlan:
    """Plan for calls of about `call_ns` (both sides' mean) on a clock of this resolution.

    A sample is at least 1,000 ticks of the clock, a burst about 3 ms (at least three samples, or a single call of 10 ms
    or more), after 0.3 ms of discarded calls; both sides together take about `pair_seconds`, longer for slow calls.
    """
    call = max(call_ns, 1.0)
    sample_ns = min(max(BURST_NS / SAMPLES_PER_BURST, _TICKS_PER_SAMPLE * resolution_ns), _LONGEST_SAMPLE_NS)
    calls_per_sample = max(1, ceil(sample_ns / call))
    sample = calls_per_sample * call
    slow = call >= SLOW_CALL_NS
    samples = 1 if slow else max(3, min(SAMPLES_PER_BURST, round(BURST_NS / sample)))
    discard = 0 if slow else ceil(DISCARD_NS / call)
    turn = samples * sample + discard * call
    bursts = max(_FEWEST_BURSTS, min(_MOST_BURSTS, round(pair_seconds * 1e9 / (2 * turn))))
    return CallPlan(
        bursts=bursts,
        samples_per_burst=samples,
        calls_per_sample=calls_per_sample,
        discard=discard,
        warmup_samples=max(2, min(50, round(WARMUP_NS / sample))),
        deadline=10.0 + 20 * 2 * bursts * turn / 1e9,
    )
