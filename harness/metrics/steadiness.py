"""Whether a launch pair counts: a rule on the device's conditions that knows the past, never which side is which."""

from collections.abc import Sequence
from statistics import median
from typing import Protocol

from ontarget.harness.conditions import Conditions
from ontarget.harness.steadying.readings import Moment

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
    def during(self) -> Sequence[Moment]: ...

    @property
    def flaw(self) -> str | None: ...


def flaw(
    before: Conditions, after: Conditions, earlier: Sequence[Measured], during: Sequence[Moment] = ()
) -> str | None:
    """Why a pair does not count, None if it does: which reading left its band, by how much, and when.

    It was measured between `before` and `after`; `during` was sampled meanwhile. `earlier`: in order, all. The words up
    to a colon are the same for all flaws of a kind.
    """
    if before.governor != after.governor:
        return f"the governor went from {before.governor} to {after.governor}"
    recent = earlier[-RECENT_PAIRS:]
    # An idle core's clock is another one: what was sampled is compared with what was sampled, the rest with the rest.
    sampled = [moment.conditions for pair in recent for moment in pair.during]
    for moment in during:
        broken = _broken(moment.conditions, sampled)
        if broken is not None:
            return f"{broken}, {moment.seconds:.2f} s into the pair"
    broken = _broken(after, [pair.after for pair in recent])
    return None if broken is None else f"{broken}, after the pair"


def _broken(now: Conditions, recent: Sequence[Conditions]) -> str | None:
    if now.throttled:
        return THROTTLED + (f": {now.throttled_by}" if now.throttled_by else ": flagged")
    clocks = [found.cpu_mhz for found in recent if found.cpu_mhz is not None]
    if clocks and now.cpu_mhz is not None:
        usual = median(clocks)
        if abs(now.cpu_mhz - usual) > CLOCK_BAND * usual:
            change = 100 * (now.cpu_mhz / usual - 1)
            return f"the clock left its band: {now.cpu_mhz:.0f} MHz, {change:+.0f} % of the usual {usual:.0f} MHz"
    temperatures = [found.temperature_c for found in recent if found.temperature_c is not None]
    if temperatures and now.temperature_c is not None:
        usual = median(temperatures)
        if abs(now.temperature_c - usual) > TEMPERATURE_BAND_C:
            change = now.temperature_c - usual
            left = f"{now.temperature_c:.0f} °C, {change:+.0f} °C of the usual {usual:.0f} °C"
            return f"the temperature left its band: {left}"
    return None


def throttled(flaw: str | None) -> bool:
    """Whether it is throttling that spoilt a pair."""
    return flaw is not None and flaw.startswith(THROTTLED)


def kind_of(flaw: str) -> str:
    """What all flaws of a kind have in common."""
    return flaw.partition(":")[0]


def too_many_flawed(pairs: Sequence[Measured]) -> bool:
    """Whether conditions broke too often to judge: in most of the pairs, and in at least five."""
    flawed = sum(pair.flaw is not None for pair in pairs)
    return flawed >= FEWEST_FLAWED and 2 * flawed > len(pairs)
