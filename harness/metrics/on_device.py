"""Where a call's time goes beside the CPU: waiting in the queue, and on the device, by the driver's own stamps."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
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
    build: DeployedBuild,
    *,
    rounds: int = ROUNDS,
    cores: Sequence[int] = (),
    threads: int = 1,
    deadline: float = 10.0,
) -> DeviceTimes | None:
    """Run `call` in a fresh process, its work stamped by what computes it; None if its binding has no way to.

    One round more warms up. `deadline` (seconds) is for one round. Raises what the code under test ends in.
    """
    with closing(build.launch(cores=cores, threads=threads)) as process:
        bound = call(process)
        if bound.traced is None:
            return None
        traced = bound.traced()
        stamps = np.empty((rounds + 1, 4))
        for row in stamps:
            process.run(traced.call, deadline=deadline)
            process.run(traced.stamp, deadline=deadline)
            read = (traced.idle, traced.queued, traced.started, traced.ended)
            row[:] = [int(process.read(one)[0]) for one in read]
    idle, queued, started, ended = stamps[1:].T * 1e-9
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
