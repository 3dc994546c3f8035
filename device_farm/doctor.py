"""Whether a device is ready: reached, fit, and still enough to tell a small slow-down. One line for each question."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ontarget.device_farm import health
from ontarget.harness import backends
from ontarget.harness.conditions import Conditions
from ontarget.harness.errors import AgentError, UncountedDevice, UntimedDevice
from ontarget.harness.steadying import gpu
from ontarget.harness.steadying.gpu import GpuMoment
from ontarget.harness.steadying.readiness import lacking

if TYPE_CHECKING:
    from ontarget.harness.device import DeployedBuild, Device
    from ontarget.harness.steadying.steadier import Changes

SECONDS: Final = 60.0
"""What the smallest slow-down that can be told is said for."""
_PAIRS: Final = 60
_TARGET: Final = 0.02
_TURNS: Final = 4096
_STEPS: Final = 2000


class State(StrEnum):
    """`warn`: it can be used, and something is less than it could be. `bad`: it is not ready."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Line:
    """What was asked, the answer for people, and the figures in it by name."""

    check: str
    state: State
    detail: str
    figures: dict[str, Any] = field(default_factory=dict)


def ready(lines: list[Line]) -> bool:
    return all(line.state is not State.BAD for line in lines)


def to_json(name: str, model: str | None, lines: list[Line]) -> dict[str, Any]:
    """What `--json` prints."""
    return {"device": name, "model": model, "ready": ready(lines), "checks": [asdict(line) for line in lines]}


def examine(device: "Device", say: Callable[[str], None] = lambda _: None) -> Iterator[Line]:
    """Ask the device everything, the quick questions first; makes it steady for the last. Raises InfraError."""
    yield _reached(device)
    changes = device.steady()
    yield _rights(device, changes)
    now = device.conditions()
    yield clocks(now)
    yield temperature(now, device.profile.cool_c)
    yield power(now)
    yield load(now, device.session.hello.cores)
    yield backends_line([device.backend(name) for name in backends.names()], _gpu(device))
    try:
        from ontarget.harness.metrics.reference import reference_on

        kernel = reference_on(device)
    except AgentError as error:  # no compiler for its ABI here
        yield Line("timer", State.WARN, f"not measured: {error}")
        return
    yield _timer(device, kernel)
    yield _counters(kernel)
    say(f"{device.info.name}: measuring the reference kernel against itself")
    yield from _noise(kernel)


def _reached(device: "Device") -> Line:
    took = health.check(device)
    return Line(
        "reachability",
        State.GOOD,
        f"{device.info.name} is {device.info.model} ({device.info.abi}, profile {device.profile.name}), "
        f"round trip {1000 * took:.2f} ms",
        {"round_trip_s": took, "profile": device.profile.name},
    )


def _rights(device: "Device", changes: "Changes") -> Line:
    made = [f"{change.key.rpartition('/')[2]} {change.new}" for change in changes.made]
    figures = {"rights": str(changes.rights), "set": len(changes.made), "refused": dict(changes.refused)}
    if changes.refused:
        key, why = next(iter(changes.refused.items()))
        others = f" and {len(changes.refused) - 1} more" if len(changes.refused) > 1 else ""
        return Line("rights", State.WARN, f"{changes.rights}: {key} cannot be set{others}: {why}", figures)
    if made:
        told = ", ".join(dict.fromkeys(made))
        return Line("rights", State.GOOD, f"{changes.rights}: made steady ({told}), given back at the end", figures)
    nothing = "nothing to set on such a device" if not device.profile.knobs(1) else "nothing that would have to be set"
    return Line("rights", State.GOOD, f"{device.rights}: {nothing}", {**figures, "rights": str(device.rights)})


def clocks(now: Conditions) -> Line:
    """The clock and its governor."""
    figures = {"cpu_mhz": now.cpu_mhz, "governor": now.governor}
    if now.cpu_mhz is None:
        return Line("clocks", State.WARN, "cannot be read: a clock that changes will not be seen", figures)
    governor = f", governor {now.governor}" if now.governor else ", no governor told"
    steady = now.governor is None or "performance" in now.governor or "nvpmodel" in now.governor
    return Line("clocks", State.GOOD if steady else State.WARN, f"{now.cpu_mhz:.0f} MHz{governor}", figures)


def temperature(now: Conditions, cool_c: float | None) -> Line:
    """Heat and throttling."""
    figures = {"temperature_c": now.temperature_c, "throttled": now.throttled, "throttled_by": now.throttled_by}
    heat = "no temperature told" if now.temperature_c is None else f"{now.temperature_c:.0f} °C"
    if now.throttled:
        return Line("temperature", State.BAD, f"{heat}, throttled: {now.throttled_by or 'flagged'}", figures)
    hot = [lack.reason for lack in lacking(now, cool_c=cool_c, load_most=None) if lack.passes]
    seen = "not throttled" if now.throttled is False else "whether it throttles cannot be read"
    state = State.WARN if hot or now.temperature_c is None else State.GOOD
    return Line("temperature", state, "; ".join([f"{heat}, {seen}", *hot]), figures)


def power(now: Conditions) -> Line:
    """The battery, and what is drawn."""
    figures = {"battery_percent": now.battery_percent, "charging": now.charging, "watts": now.watts}
    drawn = f", {now.watts:.1f} W" if now.watts is not None else ""
    if now.battery_percent is None:
        return Line("power", State.GOOD, f"no battery{drawn}", figures)
    bars = [lack.reason for lack in lacking(now, cool_c=None, load_most=None) if lack.bars]
    charging = {True: ", powered from outside", False: ", not charging", None: ""}[now.charging]
    detail = bars[0] if bars else f"battery at {now.battery_percent:.0f} %{charging}"
    return Line("power", State.BAD if bars else State.GOOD, detail + drawn, figures)


def load(now: Conditions, cores: int) -> Line:
    """What else runs."""
    if now.load is None:
        return Line("load", State.WARN, "cannot be read", {"load": None, "cores": cores})
    busy = now.load > max(1.0, cores / 2)
    words = f"{now.load:.1f} on {cores} cores" + (": other programs run" if busy else "")
    return Line("load", State.WARN if busy else State.GOOD, words, {"load": now.load, "cores": cores})


def _gpu(device: "Device") -> GpuMoment:
    listed = device.runner.run(["ls", "/sys/class/devfreq"]).stdout.decode("utf-8", "replace").split()
    asked = gpu.paths(listed)
    return gpu.parse(dict(zip(asked, device.session.read_files(asked), strict=True)))


def backends_line(found: Sequence[backends.Found], now: GpuMoment | None = None) -> Line:
    """What computes beside the CPU, which drivers do not work, and what the GPU is doing."""
    figures = {one.backend: one.to_json() for one in found}
    there = [f"{one.backend}: {one.in_words()}" for one in found if one.state is not backends.State.ABSENT]
    bad = any(one.broken for one in found)
    doing = "" if now is None else now.in_words()
    words = "; ".join([*there, *([f"the GPU now: {doing}"] if doing else [])]) or "none beside the CPU"
    bad = bad or (now is not None and bool(now.throttled))
    return Line("backends", State.WARN if bad else State.GOOD, words, figures)


def _timer(device: "Device", kernel: "DeployedBuild") -> Line:
    import numpy as np

    from ontarget.harness.metrics.reference import FUNCTION, PROTOTYPES

    process = kernel.launch()
    try:
        times = np.unique(process.time(process.bind(PROTOTYPES, FUNCTION, 1), samples=_STEPS))
    finally:
        process.close()
    told = device.session.hello.clock_resolution_ns
    step = int(np.min(np.diff(times))) if times.size > 1 else told
    figures = {"told_ns": told, "step_ns": step}
    coarse = step > 1000
    words = f"steps of {step} ns (it claims {told} ns)" + (": short calls are timed many at once" if coarse else "")
    return Line("timer", State.WARN if coarse else State.GOOD, words, figures)


def _counters(kernel: "DeployedBuild") -> Line:
    from ontarget.harness.agent.frames import Counter
    from ontarget.harness.metrics.reference import FUNCTION, PROTOTYPES

    process = kernel.launch()
    try:
        bound = process.bind(PROTOTYPES, FUNCTION, _TURNS)
        seen = process.count(bound, [Counter.INSTRUCTIONS, Counter.CYCLES])
    except UncountedDevice as error:
        return Line("counters", State.WARN, str(error).partition(": ")[2], {"countable": False})
    finally:
        process.close()
    each = seen[Counter.INSTRUCTIONS] / max(1, seen[Counter.CYCLES])
    return Line("counters", State.GOOD, f"instructions and cycles: {each:.1f} per cycle", {"countable": True})


def _noise(kernel: "DeployedBuild") -> Iterator[Line]:
    import numpy as np

    from ontarget.harness.metrics.comparison import percent
    from ontarget.harness.metrics.latency import Plan
    from ontarget.harness.metrics.reference import FUNCTION, PROTOTYPES
    from ontarget.harness.metrics.selftest import against_itself

    plan = Plan(seconds=SECONDS, pairs=_PAIRS)
    try:
        _, found = against_itself(
            lambda process: process.bind(PROTOTYPES, FUNCTION, _TURNS),
            kernel,
            plan=plan,
            rng=np.random.default_rng(),
            clock=time.monotonic,
        )
    except UntimedDevice as error:
        yield Line("noise", State.BAD, str(error))
        return
    figures = found.to_json()
    alarm = f"; FALSE ALARM of {', '.join(found.false_alarms)}" if found.false_alarms else ""
    spoilt = "".join(f"; {reason}" for reason in found.spoilt_by)
    words = f"pairs of one build against itself spread by {percent(found.between)} ({found.pairs} pairs){spoilt}{alarm}"
    yield Line("noise", State.WARN if alarm or spoilt else State.GOOD, words, figures)
    if found.resolution is None:
        yield Line("resolution", State.BAD, f"no slow-down can be told in {SECONDS:.0f} s", {"resolution": None})
        return
    words = f"a slow-down of {percent(found.resolution)} can be told in {SECONDS:.0f} s ({found.pairs_in_time} pairs)"
    fine = found.resolution <= _TARGET
    yield Line("resolution", State.GOOD if fine else State.WARN, words, {"resolution": found.resolution})
