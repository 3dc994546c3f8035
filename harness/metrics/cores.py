"""Which core the two sides share.

A kernel of one thread is timed on one core, the same for both sides: left to the scheduler they would sit on cores
of unlike speed, or neighbours, for a whole launch (on a machine of two virtual cores d spread by 2 to 20 % unpinned, and
by 0.02 to 0.3 % pinned). Apps run such kernels on the fast cluster, so it is a core of that.
"""

import re
from collections.abc import Mapping, Sequence

from ontarget.harness.agent.session import AgentSession

_ALLOWED = re.compile(rb"^Cpus_allowed_list:\s*([0-9,\-]+)\s*$", re.MULTILINE)


def parse_core_list(text: str) -> tuple[int, ...]:
    """The kernel's list of cores ("0-2,5") in ascending order. Raises ValueError if it is none."""
    cores: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(cores))


def choose_core(allowed: Sequence[int], max_khz: Mapping[int, int]) -> int | None:
    """The last of the fastest cores: core 0 tends to serve interrupts. None if nothing is known of any."""
    return max(allowed, key=lambda core: (max_khz.get(core, 0), core), default=None)


def timing_cores(session: AgentSession) -> tuple[int, ...]:
    """The core to time on, of those that the agent may use, by the kernel's own figures; () if it tells none."""
    found = _ALLOWED.search(session.read_file("/proc/self/status") or b"")
    if found is None:
        return ()
    allowed = parse_core_list(found[1].decode())
    answers = session.read_files([f"/sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq" for core in allowed])
    speeds = {
        core: int(answer)
        for core, answer in zip(allowed, answers, strict=True)
        if answer is not None and answer.strip().isdigit()
    }
    core = choose_core(allowed, speeds)
    return () if core is None else (core,)
