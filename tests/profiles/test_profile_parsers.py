"""What devices print, as it was published, is read; anything else does no harm."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness import conditions, profiles
from ontarget.harness.profiles import android, jetson, raspberry_pi
from ontarget.harness.steadying.profile import BoardProfile

# A Galaxy A52 with Android 12: android.stackexchange.com, question 246774. The readings differ here, as the ones that
# are cached are older.
GALAXY = """\
IsStatusOverride: false
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue=0.0, mType=2, mName=SUBBAT, mStatus=0}}
\tTemperature{{mValue=55.6, mType=0, mName=AP, mStatus=0}}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
\tTemperature{{mValue=25.6, mType=0, mName=AP, mStatus=0}}
\tTemperature{{mValue=23.8, mType=2, mName=BAT, mStatus=0}}
\tTemperature{{mValue=24.7, mType=3, mName=LRB, mStatus=0}}
\tTemperature{{mValue=0.0, mType=4, mName=USB, mStatus=0}}
Current cooling devices from HAL:
"""
# A Samsung that is charged over USB: gh0st.tistory.com/6.
BATTERY = """\
Current Battery Service state:
  AC powered: {powered}
  USB powered: false
  Wireless powered: false
  status: 2
  level: {level}
  scale: 100
  temperature: 326
"""
# An AGX Orin: github.com/GDWR/jetson_exporter, issue 14.
ORIN = (
    "04-11-2025 10:36:27 RAM 4321/62801MB (lfb 1759x4MB) SWAP 19/31400MB (cached 0MB) CPU [0%@729,0%@729] "
    "EMC_FREQ 0%@2133 GR3D_FREQ 0%@[0,0] VIC_FREQ 729 APE 174 CV0@-256C CPU@44.562C Tboard@32C SOC2@40.093C "
    "GPU@-256C tj@44.343C VDD_GPU_SOC 2340mW/2340mW VDD_CPU_CV 390mW/390mW VIN_SYS_5V0 4025mW/4025mW NC 0mW/0mW "
    "VDDQ_VDD2_1V8AO 301mW/301mW NC 0mW/0mW\n"
)
# A TX2 with an older tegrastats, which prints no units: github.com/FindHao/tx-utils, issue 3.
TX2 = (
    "RAM 2020/7852MB (lfb 1164x4MB) CPU [9%@345,21%@345,off] EMC_FREQ 0% GR3D_FREQ 0% PLL@42.5C MCPU@42.5C PMIC@100C "
    "GPU@41C BCPU@42.5C thermal@41.9C VDD_SYS_GPU 153/158 VDD_4V0_WIFI 633/527 VDD_IN 3140/3208 VDD_SYS_CPU 536/590\n"
)
# The form of `jetson_clocks --show` of Jetson Linux 32 to 36, as its script prints it.
CORE = b"cpu%d: Online=1 Governor=schedutil MinFreq=%d MaxFreq=1510400 CurrentFreq=1510400 IdleStates: C1=1 c7=1 \n"


def test_a_phone_tells_its_present_heat_and_status() -> None:
    calm = {"dumpsys thermalservice": GALAXY.format(status=0).encode()}
    told = android.read(calm)
    assert (told.temperature_c, told.throttled, told.throttled_by) == (25.6, False, None)
    hot = android.read({"dumpsys thermalservice": GALAXY.format(status=3).encode()})
    assert (hot.throttled, hot.throttled_by) == (True, "thermal status severe")


def test_a_phone_whose_thermal_service_is_not_ready_says_nothing_of_throttling() -> None:
    printed = GALAXY.format(status=0).replace("HAL Ready: true", "HAL Ready: false")
    told = android.read({"dumpsys thermalservice": printed.encode()})
    assert told.throttled is None
    assert "throttling" in told.unknown()


def test_a_phone_tells_its_battery() -> None:
    told = android.read({"dumpsys battery": BATTERY.format(powered="true", level=84).encode()})
    assert (told.battery_percent, told.charging) == (84, True)
    told = android.read({"dumpsys battery": BATTERY.format(powered="false", level=12).encode()})
    assert (told.battery_percent, told.charging) == (12, False)
    made_up = "  (UPDATES STOPPED -- use 'reset' to restart)\n" + BATTERY.format(powered="true", level=84)
    assert android.battery_of(made_up) == (None, None)


def test_airplane_mode_is_left_alone_where_the_network_is_the_way_in() -> None:
    by_cable = {"adb over the network": "0", "airplane_mode_on": "0"}
    assert android.plan(by_cable)["airplane_mode_on"] == "1"
    assert "airplane_mode_on" not in android.plan({**by_cable, "adb over the network": "5555"})


@pytest.mark.parametrize(("line", "watts", "heat"), [(ORIN, 6.755, 44.562), (TX2, 3.14, 42.5)])
def test_a_jetson_tells_its_power_and_heat(line: str, watts: float, heat: float) -> None:
    told = jetson.read({"tegrastats": line.encode(), "nvpmodel -q": b"NV Power Mode: MAXN\n0\n"})
    assert (told.watts, told.temperature_c) == (watts, heat)
    assert told.governor == "nvpmodel MAXN"


def test_a_jetsons_power_monitor_is_read_beside_the_calls() -> None:
    channel = "/sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/"
    found: dict[str, bytes | None] = {
        channel + "in1_label": b"VDD_IN\n",
        channel + "in1_input": b"5048\n",
        channel + "curr1_input": b"1200\n",
        channel + "in2_label": b"VDD_CPU_GPU_CV\n",
        channel + "in2_input": b"5048\n",
        channel + "curr2_input": None,
    }
    assert set(found) <= set(jetson.files(6))
    assert jetson.meter(found) == [channel + "in1_input", channel + "curr1_input"]
    assert jetson.read(found).watts == pytest.approx(6.0576)


def test_a_battery_is_a_meter_while_it_is_drained() -> None:
    supply = "/sys/class/power_supply/battery/"
    found = {supply + "capacity": b"80\n", supply + "current_now": b"-500000\n", supply + "voltage_now": b"4000000\n"}
    assert conditions.parse({**found, supply + "status": b"Discharging\n"}).watts == pytest.approx(2.0)
    assert conditions.parse({**found, supply + "status": b"Charging\n"}).watts is None


def test_a_jetsons_clocks_are_held_when_all_cores_are() -> None:
    assert jetson.clocks_of(CORE % (0, 1510400) + CORE % (1, 1510400)) == "held"
    assert jetson.clocks_of(CORE % (0, 1510400) + CORE % (1, 115200)) == "free"
    assert jetson.clocks_of(b"jetson_clocks: command not found\n") is None


def test_a_raspberry_pi_tells_why_it_throttles() -> None:
    # forum.libreelec.tv, thread 17860, says what these two mean
    told = raspberry_pi.read(
        {"vcgencmd get_throttled": b"throttled=0x50005\n", "vcgencmd measure_temp": b"temp=48.3'C\n"}
    )
    assert (told.throttled, told.throttled_by) == (True, "under-voltage, throttled")
    assert told.temperature_c == 48.3
    assert raspberry_pi.read({"vcgencmd get_throttled": b"throttled=0x50000\n"}).throttled is False


def test_the_kernel_that_cools_by_the_clock_says_so() -> None:
    cooling = "/sys/class/thermal/cooling_device1/"
    calm = {cooling + "type": b"thermal-cpufreq-0\n", cooling + "cur_state": b"0\n"}
    assert conditions.parse(calm).throttled is False
    told = conditions.parse({**calm, cooling + "cur_state": b"3\n"})
    assert (told.throttled, told.throttled_by) == (True, "thermal-cpufreq-0 at step 3")


PRINTED = st.text(max_size=200) | st.sampled_from(
    [GALAXY.format(status=2), BATTERY.format(powered="true", level=5), ORIN, TX2, "throttled=0x8", "NV Power Mode: 15W"]
).flatmap(
    lambda text: st.tuples(st.integers(0, len(text)), st.text(max_size=8)).map(
        lambda cut: text[: cut[0]] + cut[1] + text[cut[0] :]
    )
)


@pytest.mark.parametrize(
    "profile", [profiles.named(name) for name in profiles.names()], ids=lambda profile: profile.name
)
@given(data=st.data())
def test_whatever_is_printed_makes_conditions_that_fit_json(profile: BoardProfile, data: st.DataObject) -> None:
    names = [*profile.files(2), *(command.name for command in profile.commands)]
    found = {
        name: data.draw(st.none() | PRINTED.map(str.encode)) for name in data.draw(st.lists(st.sampled_from(names)))
    }
    told = profile.read(found)
    again = profile.read(found, told)
    assert json.loads(json.dumps(asdict(again), allow_nan=False)) == asdict(again)
    assert set(profile.watched(found, (0,))) <= set(found)


@given(st.text(max_size=300) | PRINTED)
def test_what_a_tool_prints_is_read_or_left(text: str) -> None:
    printed = text.encode()
    assert jetson.clocks_of(printed) in (None, "held", "free")
    for knob in android.knobs(1):
        value = knob.shown(printed)
        assert value is None or value == value.strip()
