"""Builds of one kernel that differ in nothing but their layout, and builds that are really slower, and a load."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ontarget.harness.abi import Abi
from ontarget.harness.agent.build import host_abi
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.builds import Build

HERE = Path(__file__).parent
PROTOTYPES = "void bench(uint32_t threads, uint64_t rows);"
_FILLERS = 6
_FLAGS = ("-O2", "-fPIC", "-pthread")
# As kernel libraries have it: where a tight loop begins in a cache line may be worth several per cent.
_ALIGNED = ("-falign-functions=64", "-falign-loops=64")
_UNALIGNED = ("-falign-functions=1", "-falign-loops=1", "-DALIGNMENT=1")


@dataclass(frozen=True)
class Kernel:
    """`rows` of work on so many threads; called in every fresh process."""

    threads: int
    rows: int

    def __call__(self, library: Process) -> Bound:
        return library.bind(PROTOTYPES, "bench", self.threads, self.rows)


class Linker:
    """Links the kernel again and again: the object files are the same, their order, padding and alignment are not."""

    def __init__(self, folder: Path, rng: random.Random, *, aligned: bool = True) -> None:
        """`aligned` False leaves the hot loop and its data wherever the linker puts them."""
        self._folder = folder
        self._rng = rng
        self._kernel = self._compile("kernel.c", "kernel.o", *(_ALIGNED if aligned else _UNALIGNED))
        self._entries: dict[int, Path] = {}
        self._count = 0

    def build(self, label: str, permille: int = 1000) -> Build:
        """A build that does `permille` thousandths of the work, in a layout of its own."""
        self._count += 1
        rng, number = self._rng, self._count
        if permille not in self._entries:
            self._entries[permille] = self._compile("entry.c", f"entry-{permille}.o", f"-DPERMILLE={permille}")
        objects = [self._kernel, self._entries[permille]]
        for filler in range(rng.randint(1, _FILLERS)):
            room = (f'-DTEXT_BYTES="{16 * rng.randint(1, 300)}"', f"-DDATA_BYTES={8 * rng.randint(1, 2000)}")
            names = (f"-DFILLER=filler{filler}", f"-DROOM=room{filler}")
            objects.append(self._compile("filler.c", f"{number}-{filler}.o", *names, *room))
        rng.shuffle(objects)
        # In a folder of its own: the file's name is the library's, whatever the layout.
        library = self._folder / str(number) / "libbench.so"
        library.parent.mkdir()
        library.parent.chmod(0o755)
        subprocess.run(["cc", "-shared", "-pthread", "-o", str(library), *map(str, objects)], check=True)
        return Build(label, {_abi(): library})

    def _compile(self, source: str, name: str, *flags: str) -> Path:
        target = self._folder / name
        subprocess.run(["cc", *_FLAGS, *flags, "-c", "-o", str(target), str(HERE / source)], check=True)
        return target


@contextmanager
def load(folder: Path, processes: int) -> Iterator[None]:
    """So many other programs that come and go on the machine's cores."""
    program = folder / "load"
    subprocess.run(["cc", "-O2", "-o", str(program), str(HERE / "load.c")], check=True)
    with ExitStack() as stack:
        for number in range(processes):
            running = subprocess.Popen([str(program), str(number + 1)])
            stack.callback(running.wait)
            stack.callback(running.kill)
        yield


def _abi() -> Abi:
    abi = host_abi()
    if abi is None:
        raise SystemExit("this benchmark measures the machine that it runs on, and its ABI is none that ontarget knows")
    return abi
