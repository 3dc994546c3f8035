"""What sampling conditions beside a duet costs: the agent's own count, and pairs with and without it, in turns."""

import tempfile
from pathlib import Path

import numpy as np

from ontarget.harness.agent.build import host_abi, shared_object_for
from ontarget.harness.agent.session import AgentSession, DuetPlan, Fence
from ontarget.harness.digests import DigestCache
from ontarget.harness.errors import AgentError
from ontarget.harness.metrics.reference import FUNCTION, PROTOTYPES, SOURCE
from ontarget.harness.transports.local import LocalTransport

ROUNDS = 30
TURNS = 4096
PLAN = DuetPlan(bursts=10, samples_per_burst=32, calls_per_sample=1, discard=4, warmup_calls=4, first=0, deadline=60.0)
# what this machine has of such files; where it has none, files of the same making that cost about as much
FILES = ("/sys/class/thermal/thermal_zone0/temp", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
INSTEAD = ("/proc/loadavg", "/proc/uptime")


def main() -> None:
    abi = host_abi()
    if abi is None:
        raise AgentError("this machine's ABI is none that ontarget knows")
    library = shared_object_for(abi, SOURCE)
    files = [path for path in FILES if Path(path).exists()] or list(INSTEAD)
    with tempfile.TemporaryDirectory(prefix="ontarget-watching-") as root:
        Path(root).chmod(0o755)
        session = AgentSession.start(LocalTransport(), device="local", root=root, fence=Fence("benchmark", 1))
        digest = DigestCache().digest(library)
        session.store_file(library, digest, library.name)
        path = session.path_of(digest, library.name)
        sides = [session.spawn(path, label=label) for label in ("candidate", "baseline")]
        first, second = (process.bind(PROTOTYPES, FUNCTION, TURNS) for process in sides)
        times: dict[bool, list[float]] = {True: [], False: []}
        spent = total = 0.0
        samples = 0
        for number in range(2 * ROUNDS):
            watching = number % 2 == 0
            session.watch(files if watching else [])
            measured = session.duet(first, second, PLAN)
            found = session.watched()
            if watching:
                spent, total, samples = spent + found.spent, total + found.total, samples + len(found.samples)
            times[watching].append(float(np.median(np.concatenate(measured))))
        session.close()
    ratio = np.array(times[True]) / np.array(times[False])
    print(f"watched: {', '.join(files)}")
    print(f"samples: {samples} in {total:.2f} s of duets, {100 * spent / total:.3f} % of the time")
    print(f"a call's time with sampling / without: {np.median(ratio):.4f} (median of {ROUNDS} rounds)")


if __name__ == "__main__":
    main()
