"""Runs programs on a device, by its agent: as the user of code under test, inside the lease's fence.

A worker loads a small library of ours, which starts the program from the files that were deployed (they are not marked
as executable on the device, so it starts a copy in memory), ends it at its deadline, and hands over what it printed.
"""

import shlex
import signal as signals
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from ontarget.harness.agent.build import shared_object_for
from ontarget.harness.agent.process import Process
from ontarget.harness.builds import Build
from ontarget.harness.device import DeployedBuild, Device
from ontarget.harness.errors import AgentError, Crashed, Exited, MissingDependency, TimedOut
from ontarget.harness.programs.results import Output

SOURCE: Final = Path(__file__).parent / "src" / "ontarget-runner.c"
PROTOTYPES: Final = """
int ontarget_runner_run(const char *path, char *words, size_t words_size, char *variables, size_t variables_size,
                        uint32_t deadline_ms, int64_t *facts);
int64_t ontarget_runner_read(uint32_t which, uint64_t offset, uint8_t *into, size_t size);
"""
MOST_OUTPUT: Final = 64 << 20  # bytes of one stream, as in the runner
DEADLINE: Final = 60.0
_PIECE: Final = 1 << 20
_GRACE: Final = 10.0  # seconds beyond the program's own deadline, for the worker
_FACTS: Final = 8
_NO_LIBRARY: Final = "error while loading shared libraries"
_PATH: Final = "PATH=/usr/local/bin:/usr/bin:/bin:/system/bin"


@dataclass(frozen=True)
class Program:
    """A program on a device, with the folders where it finds its shared objects.

    `name` is its argv[0], `path` its file on the device; `digest` names all its files by their content. `build` is what
    is under test: the program's, or that of the library that it loads.
    """

    name: str
    path: str
    libraries: tuple[str, ...]
    digest: str
    build: DeployedBuild

    @classmethod
    def of(cls, deployed: DeployedBuild, library: DeployedBuild | None = None) -> "Program":
        """The program that was deployed; with a `library`, one that is to load that build of it before any other."""
        folders = [] if library is None else _folders(library)
        digest = deployed.digest if library is None else f"{deployed.digest}+{library.digest}"
        path = deployed.files.library
        libraries = tuple(dict.fromkeys([*folders, *_folders(deployed)]))
        return cls(PurePosixPath(path).name, path, libraries, digest, library or deployed)

    @property
    def device(self) -> Device:
        return self.build.device


@dataclass(frozen=True)
class Ran:
    """A program that ended: by itself with `status`, by a `signal` (its name, else None), or at its deadline.

    `seconds` by the device's clock, `peak_kib` its largest resident memory.
    """

    argv: tuple[str, ...]
    status: int
    signal: str | None
    timed_out: bool
    seconds: float
    peak_kib: int
    output: Output

    @property
    def succeeded(self) -> bool:
        return self.status == 0 and self.signal is None and not self.timed_out

    def failure(self, device: str, deadline: float) -> Crashed | Exited | TimedOut | None:
        """What it ended in, as an error that names the signal, the status or the deadline; None if it succeeded."""
        what = f"`{shlex.join(self.argv)}`"
        said = self.said()
        if self.timed_out:
            return TimedOut(
                f"{what} did not end within {deadline:g} s and was ended{said}", deadline=deadline, device=device
            )
        if self.signal is not None:
            return Crashed(f"{what} was ended by {self.signal}{said}", signal=self.signal, device=device)
        if self.status != 0:
            return Exited(f"{what} ended with status {self.status}{said}", status=self.status, device=device)
        return None

    def said(self) -> str:
        """The end of what it wrote to stderr, else to stdout."""
        text = (self.output.stderr.strip() or self.output.stdout.strip())[-2000:].decode("utf-8", "replace")
        return f"; it said: {text}" if text else ""


def run(
    program: Program,
    arguments: Sequence[str] = (),
    *,
    deadline: float = DEADLINE,
    cores: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run the program once, in a fresh process pinned to `cores` if any are named, for at most `deadline` seconds.

    Raises MissingDependency (a shared object that is neither beside it nor on the device), AgentError if it cannot be
    started, and what the agent's conversation ends in. What the program itself ends in is returned.
    """
    device = program.device
    deployed = device.deploy(Build("runner", {device.info.abi: shared_object_for(device.info.abi, SOURCE)}))
    words = [program.name, *arguments]
    variables = dict(environment or {})
    if program.libraries:
        variables["LD_LIBRARY_PATH"] = ":".join((*program.libraries, *filter(None, [variables.get("LD_LIBRARY_PATH")])))
    process = device.session.spawn(deployed.files.library, cores=cores, label=program.build.label)
    try:
        error, facts = _run(process, program, words, variables, deadline)
        if error != 0:
            raise AgentError(
                f"{program.path} could not be started (error {error}: {_ERRORS.get(error, 'see errno.h')})",
                device=device.info.name,
            )
        output = Output(*(_read(process, which, int(facts[4 + which])) for which in range(3)))
    finally:
        process.close()
    number = int(facts[1])
    ran = Ran(
        argv=tuple(words),
        status=int(facts[0]),
        signal=signals.Signals(number).name if number in _SIGNALS else f"signal {number}" if number else None,
        timed_out=bool(facts[2]),
        seconds=float(facts[3]) / 1e9,
        peak_kib=int(facts[7]),
        output=output,
    )
    if ran.status == 127 and _NO_LIBRARY.encode() in output.stderr:
        raise MissingDependency(
            f"{program.name} did not start: {output.stderr.decode('utf-8', 'replace').strip()}; put that file beside "
            "it, or on the device",
            device=device.info.name,
        )
    return ran


_SIGNALS: Final = frozenset(int(number) for number in signals.Signals)
_ERRORS: Final = {2: "its loader is not on the device", 8: "not a program for this device", 13: "not permitted"}


def _folders(deployed: DeployedBuild) -> list[str]:
    files = deployed.files
    return [str(PurePosixPath(path).parent) for path in (files.library, *files.dependencies)]


def _run(
    process: Process, program: Program, words: list[str], variables: Mapping[str, str], deadline: float
) -> tuple[int, list[int]]:
    facts = process.buffer(_FACTS, "i8")
    lists = [_strings(words), _strings([_PATH, *(f"{name}={value}" for name, value in variables.items())])]
    error = process.call(
        PROTOTYPES,
        "ontarget_runner_run",
        _strings([program.path]),
        lists[0],
        lists[0].size,
        lists[1],
        lists[1].size,
        max(1, round(deadline * 1000)),
        facts,
        deadline=deadline + _GRACE,
    )
    return int(error or 0), [int(number) for number in process.read(facts)]


def _strings(words: Sequence[str]) -> "np.ndarray[tuple[int], np.dtype[np.int8]]":
    """Strings as C has them, one after the other, each with its NUL. Raises ValueError for one that has NULs itself."""
    if any("\0" in word for word in words):
        raise ValueError(f"expected words without NUL, found {words!r}")
    return np.frombuffer(b"".join(word.encode() + b"\0" for word in words), "i1").copy()


def _read(process: Process, which: int, size: int) -> bytes:
    pieces = []
    left = min(size, MOST_OUTPUT)
    while left > 0:
        buffer = process.buffer(min(left, _PIECE), "u1")
        done = process.call(
            PROTOTYPES, "ontarget_runner_read", which, min(size, MOST_OUTPUT) - left, buffer, buffer.size
        )
        if not done or done < 0:
            break
        pieces.append(process.read(buffer)[: int(done)].tobytes())
        left -= int(done)
    return b"".join(pieces)
