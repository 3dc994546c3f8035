"""Which cores the two sides share.

A kernel of one thread is timed on one core, the same for both sides: left to the scheduler they would sit on cores of
unlike speed, or neighbours, for a whole launch (on a machine of two virtual cores d spread by 2 to 20 % unpinned, and
by 0.02 to 0.3 % pinned). Apps run such kernels on the fast cluster, so it is a core of that; a kernel of n threads
gets n cores.
"""

import re
from collections.abc import Mapping, Sequence

from ontarget.harness.device import Device

_ALLOWED = re.compile(rb"^Cpus_allowed_list:\s*([0-9,\-]+)\s*$", re.MULTILINE)


def parse_core_list(text: str) -> tuple[int, ...]:
    """The kernel's list of cores ("0-2,5") in ascending order. Raises ValueError if it is none."""
    cores: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(cores))


def choose_cores(allowed: Sequence[int], mhz: Mapping[int, float], count: int) -> tuple[int, ...]:
    """The last `count` of the fastest `allowed` cores, in ascending order; all of them if there are fewer.

    Core 0 tends to serve interrupts. More threads than the fast cluster has cores go on to the next.
    """
    best = sorted(allowed, key=lambda core: (mhz.get(core, 0.0), core), reverse=True)
    return tuple(sorted(best[:count]))


def timing_cores(device: Device, threads: int = 1) -> tuple[int, ...]:
    """The cores to time so many threads on, of those that the agent may use; () if the device does not say which."""
    found = _ALLOWED.search(device.session.read_file("/proc/self/status") or b"")
    if found is None:
        return ()
    mhz = {core.number: core.mhz_most for core in device.info.capabilities.cores if core.mhz_most is not None}
    return choose_cores(parse_core_list(found[1].decode()), mhz, threads)


def fast_cluster(allowed: Sequence[int], mhz: Mapping[int, float]) -> tuple[int, ...]:
    """The `allowed` cores of the highest clock; all of them where clocks are not known."""
    top = max((mhz.get(core, 0.0) for core in allowed), default=0.0)
    return tuple(core for core in allowed if mhz.get(core, 0.0) == top)


def fast_threads(device: Device) -> int:
    """As many threads as the device's fast cluster has cores that the agent may use; 1 if it does not say."""
    found = _ALLOWED.search(device.session.read_file("/proc/self/status") or b"")
    if found is None:
        return 1
    mhz = {core.number: core.mhz_most for core in device.info.capabilities.cores if core.mhz_most is not None}
    return max(1, len(fast_cluster(parse_core_list(found[1].decode()), mhz)))
