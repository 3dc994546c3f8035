"""Where a call's time goes beside the CPU: waiting in the queue, and on the device, by the driver's own stamps."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.device import DeployedBuild

QUEUE: Final = "queue-time"
DEVICE: Final = "device-time"
ROUNDS: Final = 24


@dataclass(frozen=True)
class DeviceTimes:
    """Seconds of each round [rounds].

    `queue`: from when the call's last piece of work was handed over until the device started it. `device`: from when
    all earlier work was done until that piece was.
    """

    queue: NDArray[np.float64]
    device: NDArray[np.float64]


def device_times(
    call: Callable[[Process], Bound],
    builds: Mapping[str, DeployedBuild],
    *,
    rounds: int = ROUNDS,
    cores: Sequence[int] = (),
    threads: int = 1,
    deadline: float = 10.0,
) -> dict[str, DeviceTimes]:
    """Run `call` in a fresh process of each build, in turns, its work stamped by what computes it; by the same names.

    None of them where the binding has no way to. One round more warms up. `deadline` (seconds) is for one run. Raises
    what the code under test ends in.
    """
    with ExitStack() as stack:
        sides = {}
        for name, build in builds.items():
            process = stack.enter_context(closing(build.launch(cores=cores, threads=threads)))
            bound = call(process)
            if bound.traced is None:
                return {}
            sides[name] = process, bound.traced()
        stamps = {name: np.empty((rounds + 1, 4)) for name in sides}
        for at in range(rounds + 1):
            for name, (process, traced) in sides.items():
                process.run(traced.call, deadline=deadline)
                process.run(traced.stamp, deadline=deadline)
                read = (traced.idle, traced.queued, traced.started, traced.ended)
                stamps[name][at] = [int(process.read(one)[0]) for one in read]
    return {name: _times(found[1:] * 1e-9) for name, found in stamps.items()}


def _times(stamps: NDArray[np.float64]) -> DeviceTimes:
    idle, queued, started, ended = stamps.T
    return DeviceTimes(np.maximum(started - queued, 0.0), np.maximum(ended - idle, 0.0))


def in_words(check: str, times: Mapping[str, DeviceTimes]) -> str:
    """The median of each side, and how they compare."""
    medians = {side: float(np.median(values_of(check, found))) for side, found in times.items()}
    told = ", ".join(f"{side} {1e6 * median:.1f} µs" for side, median in medians.items())
    if len(medians) == 2 and all(median > 0 for median in medians.values()):
        candidate, baseline = medians.values()
        told += f" ({candidate / baseline - 1:+.1%})"
    return f"median of {ROUNDS}: {told}; told, not judged"


def values_of(check: str, times: DeviceTimes) -> NDArray[np.float64]:
    return times.queue if check == QUEUE else times.device
