"""What a device was doing, read from its files."""

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness import conditions
from ontarget.harness.conditions import Conditions

CPU = "/sys/devices/system/cpu/cpu{}/cpufreq/"
ZONE = "/sys/class/thermal/thermal_zone{}/"
RASPBERRY_PI = "/sys/devices/platform/soc/soc:firmware/get_throttled"
X86_COUNT = "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"


def test_a_board() -> None:
    found = conditions.parse(
        {
            "/proc/loadavg": b"0.52 0.40 0.30 2/123 4567\n",
            CPU.format(0) + "scaling_cur_freq": b"600000\n",
            CPU.format(3) + "scaling_cur_freq": b"1800000\n",
            CPU.format(0) + "scaling_governor": b"ondemand\n",
            CPU.format(3) + "scaling_governor": b"performance\n",
            ZONE.format(0) + "type": b"cpu-thermal\n",
            ZONE.format(0) + "temp": b"48312\n",
            ZONE.format(1) + "type": b"battery\n",
            ZONE.format(1) + "temp": b"60000\n",
            RASPBERRY_PI: b"50000\n",
        }
    )
    assert found == Conditions(
        cpu_mhz=1800.0, governor="ondemand,performance", temperature_c=48.312, load=0.52, throttled=False
    )


def test_a_raspberry_pi_that_throttles_now() -> None:
    assert conditions.parse({RASPBERRY_PI: b"50004\n"}).throttled


def test_a_pc_throttled_if_its_count_has_grown() -> None:
    before = conditions.parse({X86_COUNT: b"7\n"})
    assert before.throttled is None
    assert conditions.parse({X86_COUNT: b"7\n"}, before).throttled is False
    assert conditions.parse({X86_COUNT: b"9\n"}, before).throttled is True


def test_a_clock_is_read_from_cpuinfo_where_there_is_no_other() -> None:
    assert conditions.parse({"/proc/cpuinfo": b"cpu MHz\t\t: 2100.000\ncpu MHz\t\t: 800.5\n"}).cpu_mhz == 2100.0


def test_a_zone_that_is_not_connected_is_no_temperature() -> None:
    files = {ZONE.format(0) + "type": b"cpu", ZONE.format(0) + "temp": b"-274000"}
    assert conditions.parse(files).temperature_c is None


def test_a_device_that_says_nothing() -> None:
    assert conditions.parse({}) == Conditions()


@given(st.dictionaries(st.sampled_from(conditions.paths(2)), st.none() | st.binary(max_size=40)))
def test_any_files_are_read_and_fit_json(files: dict[str, bytes | None]) -> None:
    found = conditions.parse(files)
    assert json.loads(json.dumps(asdict(found), allow_nan=False)) == asdict(found)
