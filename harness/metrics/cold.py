"""Cold latency: the first run of a call in a fresh process, with nothing compiled before it."""

from collections.abc import Callable, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.device import DeployedBuild

DEADLINE = 120.0


def cold_latency(
    call: Callable[[Process], Bound],
    build: DeployedBuild,
    *,
    launches: int = 3,
    cores: Sequence[int] = (),
    threads: int = 1,
    deadline: float = DEADLINE,
) -> NDArray[np.float64]:
    """Seconds of the first run in each of so many fresh processes [launches], by the device's clock.

    Where the build computes beside the CPU, the folders in which drivers keep compiled kernels are empty. A binding
    that runs a call once to compile it leaves that out where `Process.cold` is set. Loading the library and setting the
    call up are not in it. Raises what the code under test ends in.
    """
    taken = []
    for _ in range(launches):
        with closing(build.launch(cores=cores, threads=threads, cold=True)) as process:
            taken.append(process.time(call(process), samples=1, deadline=deadline)[0] * 1e-9)
    return np.array(taken)
