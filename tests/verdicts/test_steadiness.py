"""Which pairs count: by conditions alone, against the recent past."""

from dataclasses import dataclass, replace

from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.steadiness import flaw, too_many_flawed

COOL = replace(Conditions(), cpu_mhz=1500.0, governor="performance", temperature_c=50.0, throttled=False)


@dataclass(frozen=True)
class Earlier:
    after: Conditions
    flaw: str | None = None


PAST = [Earlier(COOL)] * 3


def test_a_steady_device_is_sound_and_so_is_one_that_says_nothing() -> None:
    assert flaw(COOL, COOL, []) is None
    assert flaw(COOL, replace(COOL, cpu_mhz=1450.0, temperature_c=55.0), PAST) is None
    assert flaw(Conditions(), Conditions(), [Earlier(Conditions())]) is None


def test_each_thing_that_breaks_is_named() -> None:
    assert flaw(COOL, replace(COOL, throttled=True), PAST) == "the device throttled"
    assert flaw(COOL, replace(COOL, cpu_mhz=900.0), PAST) == "the clock went from 1500 to 900 MHz"
    assert flaw(COOL, replace(COOL, temperature_c=71.0), PAST) == "the temperature went from 50 to 71 °C"
    governor = flaw(COOL, replace(COOL, governor="powersave"), PAST)
    assert governor == "the governor went from performance to powersave"


def test_a_new_lasting_level_is_got_over() -> None:
    slow, past = replace(COOL, cpu_mhz=900.0), list(PAST)
    flaws = []
    for _ in range(6):
        flaws.append(flaw(slow, slow, past))
        past.append(Earlier(slow, flaws[-1]))
    assert flaws[0] is not None
    assert flaws[-1] is None


def test_most_pairs_broken_is_too_many_but_a_few_are_not() -> None:
    broken = Earlier(COOL, "the device throttled")
    assert not too_many_flawed([broken] * 4)
    assert too_many_flawed([broken] * 5)
    assert not too_many_flawed([broken] * 5 + [Earlier(COOL)] * 5)
    assert too_many_flawed([Earlier(COOL)] * 5 + [broken] * 6)
