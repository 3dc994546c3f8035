"""Launch pairs as a device would have measured them, from a random generator: for what is decided from pairs."""

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.pairs import SIDES, LaunchPair, Samples, Side

STEADY = Conditions()


def launch_pair(
    rng: np.random.Generator,
    slowdown: float = 0.0,
    *,
    between: float = 0.003,
    within: float = 0.003,
    bursts: int = 12,
    samples: int = 8,
    before: Conditions = STEADY,
    after: Conditions = STEADY,
) -> LaunchPair:
    """A pair whose candidate is slower by `slowdown` (a ratio - 1), with noise between launches and within them."""

    def side(factor: float) -> Samples:
        level = np.log(1e6 * factor) + rng.normal(0, between)
        times: Samples = np.exp(level + rng.normal(0, within, (bursts, samples))).astype(np.int64)
        return times

    times = {Side.CANDIDATE: side(1 + slowdown), Side.BASELINE: side(1)}
    warmups = {name: found[0] for name, found in times.items()}
    return LaunchPair(SIDES[int(rng.integers(2))], times, warmups, before, after)


def endless(make: Callable[[int], LaunchPair]) -> Callable[[], LaunchPair]:
    """The n-th call makes pair n, from 0."""
    numbers: Iterator[int] = count()
    return lambda: make(next(numbers))
