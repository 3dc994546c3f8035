"""`ontarget doctor`: what a device is told to be, and what comes of one that cannot be reached."""

import json

import pytest

from ontarget.device_farm import doctor
from ontarget.device_farm.doctor import Line, State
from ontarget.harness import backends
from ontarget.harness.backends.found import Found
from ontarget.harness.conditions import Conditions
from ontarget.harness.steadying.gpu import GpuMoment
from support.commands import CommandLine


def test_this_machine_is_examined_in_a_screen_and_for_scripts(desk: CommandLine) -> None:
    done = desk.run("doctor", "local", "--json")
    told = json.loads(done.stdout)
    checks = {line["check"]: line for line in told["checks"]}
    asked = ["reachability", "rights", "clocks", "temperature", "power", "load", "backends", "timer"]
    assert list(checks) == [*asked, "counters", "noise", "resolution"]
    assert checks["timer"]["figures"]["step_ns"] >= 1
    assert done.returncode == (0 if told["ready"] else 1)
    assert told["ready"] == all(line["state"] != "bad" for line in told["checks"])


def test_a_device_that_cannot_be_reached_is_said_so(desk: CommandLine) -> None:
    done = desk.run("doctor", "ssh:127.0.0.1:1")
    assert done.returncode == 3
    assert done.stdout.startswith("bad   reachability")
    assert "refused" in done.stdout


def test_a_device_that_is_none_is_a_mistake(desk: CommandLine) -> None:
    assert desk.run("doctor", "nobody").returncode == 2


def test_a_driver_that_does_not_work_is_told() -> None:
    found = [
        Found("opencl", backends.State.BROKEN, "/lib/libOpenCL.so.1", broken={"bad.icd": "died of SIGABRT"}),
        Found("cuda", backends.State.ABSENT),
    ]
    line = doctor.backends_line(found)
    assert (line.state, line.detail) == (State.WARN, "opencl: bad.icd: died of SIGABRT")
    assert line.figures["cuda"]["state"] == "absent"
    hot = doctor.backends_line([], GpuMoment(300.0, throttled=True))
    assert (hot.state, hot.detail) == (State.WARN, "the GPU now: 300 MHz, held back")
    assert doctor.backends_line([]).detail == "none beside the CPU"


CALM = Conditions(cpu_mhz=1800.0, governor="performance", temperature_c=40.0, load=0.2, throttled=False)


@pytest.mark.parametrize(
    ("line", "state", "words"),
    [
        (doctor.clocks(CALM), State.GOOD, "1800 MHz"),
        (doctor.clocks(Conditions(cpu_mhz=600.0, governor="ondemand")), State.WARN, "ondemand"),
        (doctor.clocks(Conditions()), State.WARN, "cannot be read"),
        (doctor.temperature(CALM, 60.0), State.GOOD, "40 °C"),
        (doctor.temperature(CALM, 35.0), State.WARN, "cool below 35"),
        (
            doctor.temperature(Conditions(throttled=True, throttled_by="under-voltage"), None),
            State.BAD,
            "under-voltage",
        ),
        (doctor.power(Conditions(battery_percent=12.0, charging=False)), State.BAD, "12 %"),
        (doctor.power(Conditions(battery_percent=12.0, charging=True)), State.GOOD, "powered"),
        (doctor.power(Conditions(watts=6.75)), State.GOOD, "no battery, 6.8 W"),
        (doctor.load(Conditions(load=7.0), 2), State.WARN, "other programs"),
    ],
)
def test_what_a_device_tells_is_judged(line: Line, state: State, words: str) -> None:
    assert line.state is state
    assert words in line.detail


def test_one_bad_line_is_enough_not_to_be_ready() -> None:
    good, warn, bad = (Line("x", state, "") for state in (State.GOOD, State.WARN, State.BAD))
    assert doctor.ready([good, warn])
    assert not doctor.ready([good, bad])
