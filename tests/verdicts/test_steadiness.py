"""Which pairs count: by conditions alone, against the recent past."""

from dataclasses import dataclass, field, replace

from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.steadiness import flaw, kind_of, throttled, too_many_flawed
from ontarget.harness.steadying.readings import Moment

COOL = replace(Conditions(), cpu_mhz=1500.0, governor="performance", temperature_c=50.0, throttled=False)


@dataclass(frozen=True)
class Earlier:
    after: Conditions
    flaw: str | None = None
    during: list[Moment] = field(default_factory=list)


PAST = [Earlier(COOL)] * 3


def test_a_steady_device_is_sound_and_so_is_one_that_says_nothing() -> None:
    assert flaw(COOL, COOL, []) is None
    assert flaw(COOL, replace(COOL, cpu_mhz=1450.0, temperature_c=55.0), PAST) is None
    assert flaw(Conditions(), Conditions(), [Earlier(Conditions())]) is None


def test_each_thing_that_breaks_is_named() -> None:
    assert flaw(COOL, replace(COOL, throttled=True), PAST) == "the device throttled: flagged, after the pair"
    slow = flaw(COOL, replace(COOL, cpu_mhz=900.0), PAST)
    assert slow == "the clock left its band: 900 MHz, -40 % of the usual 1500 MHz, after the pair"
    hot = flaw(COOL, replace(COOL, temperature_c=71.0), PAST)
    assert hot == "the temperature left its band: 71 °C, +21 °C of the usual 50 °C, after the pair"
    governor = flaw(COOL, replace(COOL, governor="powersave"), PAST)
    assert governor == "the governor went from performance to powersave"


def test_what_happens_during_a_pair_breaks_it_and_is_told_with_its_time() -> None:
    capped = replace(COOL, throttled=True, throttled_by="under-voltage, clock capped")
    found = flaw(COOL, COOL, PAST, [Moment(0.02, COOL), Moment(0.043, capped)])
    assert found == "the device throttled: under-voltage, clock capped, 0.04 s into the pair"
    assert throttled(found)
    past = [Earlier(COOL, during=[Moment(0.02, replace(COOL, cpu_mhz=2000.0))])]
    dip = flaw(COOL, COOL, past, [Moment(0.02, replace(COOL, cpu_mhz=1000.0))])
    assert dip == "the clock left its band: 1000 MHz, -50 % of the usual 2000 MHz, 0.02 s into the pair"
    assert kind_of(dip) == "the clock left its band"
    # its clock beside the bursts is another than when idle, and that is no flaw
    assert flaw(COOL, COOL, past, [Moment(0.02, replace(COOL, cpu_mhz=2000.0))]) is None


def test_a_new_lasting_level_is_got_over() -> None:
    slow, past = replace(COOL, cpu_mhz=900.0), list(PAST)
    flaws = []
    for _ in range(6):
        flaws.append(flaw(slow, slow, past))
        past.append(Earlier(slow, flaws[-1]))
    assert flaws[0] is not None
    assert flaws[-1] is None


def test_most_pairs_broken_is_too_many_but_a_few_are_not() -> None:
    broken = Earlier(COOL, "the device throttled: flagged")
    assert not too_many_flawed([broken] * 4)
    assert too_many_flawed([broken] * 5)
    assert not too_many_flawed([broken] * 5 + [Earlier(COOL)] * 5)
    assert too_many_flawed([Earlier(COOL)] * 5 + [broken] * 6)
