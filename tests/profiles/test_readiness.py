"""A measurement waits for a cool, charged, idle device, and not for ever."""

from dataclasses import replace

from ontarget.harness.conditions import Conditions
from ontarget.harness.steadying.readiness import Lack, lacking, wait

FIT = Conditions(temperature_c=40.0, load=0.3, throttled=False, battery_percent=80.0, charging=False)


def reasons(now: Conditions) -> list[str]:
    return [lack.reason for lack in lacking(now, cool_c=45.0, load_most=2.0)]


def test_each_lack_is_named_and_what_is_not_told_is_none() -> None:
    assert reasons(FIT) == []
    assert reasons(Conditions()) == []
    assert "50 °C" in reasons(replace(FIT, temperature_c=50.0))[0]
    assert "under-voltage" in reasons(replace(FIT, throttled=True, throttled_by="under-voltage"))[0]
    assert "load 7.0" in reasons(replace(FIT, load=7.0))[0]
    assert "at 29 %" in reasons(replace(FIT, battery_percent=29.0))[0]
    assert reasons(replace(FIT, battery_percent=29.0, charging=True)) == []
    assert reasons(replace(FIT, battery_percent=30.0)) == []


class Clock:
    """Time that passes by pausing."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def test_it_waits_until_the_device_is_cool() -> None:
    clock = Clock()
    hot = Lack("hot")
    assert wait(lambda: [hot] if clock.now < 7 else [], longest=60, clock=clock, pause=clock.pause) == []
    assert 7 <= clock.now < 13


def test_it_waits_no_longer_than_its_limit() -> None:
    clock = Clock()
    assert wait(lambda: [Lack("hot")], longest=60, clock=clock, pause=clock.pause) == [Lack("hot")]
    assert clock.now == 60


def test_an_empty_battery_is_not_waited_for() -> None:
    clock = Clock()
    empty = Lack("empty", passes=False, bars=True)
    assert wait(lambda: [empty, Lack("hot")], longest=60, clock=clock, pause=clock.pause) == [empty, Lack("hot")]
    assert clock.now == 0
