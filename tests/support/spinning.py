"""A small C library whose one function takes a time that is known, and that can be built to go wrong."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ontarget.harness.abi import Abi
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.agent.session import Fence
from ontarget.harness.builds import Build
from ontarget.harness.device import Clock, Device
from ontarget.harness.transports.local import LocalTransport

PROTOTYPES = "uint32_t spin(uint32_t turns);"
SONAME = "libspin.so"
SOURCE = """
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#ifndef PERMILLE
#define PERMILLE 1000
#endif
#ifndef FAULT
#define FAULT
#endif
static unsigned calls;
uint32_t spin(uint32_t turns) {
    uint32_t x = 1;
    calls++;
    FAULT;
    for (uint64_t i = (uint64_t)turns * PERMILLE / 1000; i > 0; i--) {
        x = x * 1664525u + 1013904223u;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}
"""


def spinning(folder: Path, label: str, *, permille: int = 1000, fault: str = "", abi: Abi = Abi.X86_64) -> Build:
    """A build whose `spin` makes `permille` thousandths of the turns, and the C statement `fault` first.

    The statement may look at `calls`, the number of calls in this process so far, this one included.
    """
    place = folder / f"{label}-{permille}"
    place.mkdir(parents=True, exist_ok=True)
    source, library = place / "spin.c", place / SONAME
    source.write_text(SOURCE)
    compiler = ["cc"] if abi is Abi.X86_64 else [sys.executable, "-m", "ziglang", "cc", "-target", abi.zig_target]
    options = ["-O1", "-shared", "-fPIC", f"-DPERMILLE={permille}", f"-DFAULT={fault}", f"-Wl,-soname,{SONAME}"]
    subprocess.run([*compiler, *options, "-o", str(library), str(source)], check=True, timeout=300)
    return Build(label, {abi: library})


def spin(turns: int) -> Callable[[Process], Bound]:
    """Binds `spin` in a fresh process."""
    return lambda library: library.bind(PROTOTYPES, "spin", turns)


@contextmanager
def local_device(*, clock: Clock | None = None) -> Iterator[Device]:
    """This machine as a device, with a store of its own."""
    transport = LocalTransport("here")
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        with Device.open(
            transport, name="here", kind="local", fence=Fence("tests", 1), clock=clock, root=root
        ) as device:
            yield device
