"""Whether a launch pair counts: a rule on the device's conditions that knows the past, never which side is which."""

from collections.abc import Sequence
from statistics import median
from typing import Protocol

from ontarget.harness.conditions import Conditions

# Against the recent past, so that a lasting change of level is got over; alternating bursts bear small moves anyway.
RECENT_PAIRS = 5
CLOCK_BAND = 0.20
TEMPERATURE_BAND_C = 10.0
FEWEST_FLAWED = 5
THROTTLED = "the device throttled"


class Measured(Protocol):
    """A pair that was measured earlier, sound or not."""

    @property
    def after(self) -> Conditions: ...

    @property
    def flaw(self) -> str | None: ...


def flaw(before: Conditions, after: Conditions, earlier: Sequence[Measured]) -> str | None:
    """Why a pair measured between `before` and `after` does not count, None if it does. `earlier`: in order, all."""
    if after.throttled:
        return THROTTLED
    if before.governor != after.governor:
        return f"the governor went from {before.governor} to {after.governor}"
    recent = [pair.after for pair in earlier[-RECENT_PAIRS:]]
    clocks = [found.cpu_mhz for found in recent if found.cpu_mhz is not None]
    if clocks and after.cpu_mhz is not None:
        usual = median(clocks)
        if abs(after.cpu_mhz - usual) > CLOCK_BAND * usual:
            return f"the clock went from {usual:.0f} to {after.cpu_mhz:.0f} MHz"
    temperatures = [found.temperature_c for found in recent if found.temperature_c is not None]
    if temperatures and after.temperature_c is not None:
        usual = median(temperatures)
        if abs(after.temperature_c - usual) > TEMPERATURE_BAND_C:
            return f"the temperature went from {usual:.0f} to {after.temperature_c:.0f} °C"
    return None


def too_many_flawed(pairs: Sequence[Measured]) -> bool:
    """Whether conditions broke too often to judge: in most of the pairs, and in at least five."""
    flawed = sum(pair.flaw is not None for pair in pairs)
    return flawed >= FEWEST_FLAWED and 2 * flawed > len(pairs)
