"""What a device has of a backend, and how it is asked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, Protocol, runtime_checkable

from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.errors import MissingDependency, MissingFile, MissingSymbol, ProductError, WrongAbi
from ontarget.harness.transports.protocols import CommandRunner

DEADLINE: Final = 30.0
"""Seconds that a driver may take to load, and to answer."""

_FOLDERS: Final = (
    "/usr/lib/{triplet}",
    "/lib/{triplet}",
    "/usr/local/lib/{triplet}",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/cuda/lib64",
    "/system/vendor/lib{bits}",
    "/vendor/lib{bits}",
    "/system/lib{bits}",
)


class State(StrEnum):
    """`broken`: it is there, and does not work: its driver crashes, hangs or has no device."""

    READY = "ready"
    ABSENT = "absent"
    BROKEN = "broken"


@dataclass(frozen=True)
class Unit:
    """What computes: its own name, whose driver of which version, and its limits by name."""

    name: str
    driver: str
    version: str
    limits: Mapping[str, int | str | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What a device has of one backend.

    `library` is the loader on the device, `units` the first to be used first. `broken` tells by driver what became of
    those that do not work; `environment` keeps processes from loading them.
    """

    backend: str
    state: State
    library: str = ""
    units: tuple[Unit, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"state": str(self.state)}

    def in_words(self) -> str:
        """One line for people."""
        wrong = "; ".join(f"{name}: {why}" for name, why in self.broken.items())
        if not self.units:
            return wrong or "not on this device"
        first = self.units[0]
        return f"{first.name} ({first.driver} {first.version})" + (f"; but {wrong}" if wrong else "")


@runtime_checkable
class Backend(Protocol):
    """One way to compute beside the CPU.

    `libraries` are the names of its loader. `cache_variables` name the folder in which its drivers keep what they
    compiled. `limits` of a unit may hold "f16", whether it computes in half precision.
    """

    @property
    def name(self) -> str: ...

    @property
    def libraries(self) -> Sequence[str]: ...

    @property
    def cache_variables(self) -> Sequence[str]: ...

    def probe(self, session: AgentSession, runner: CommandRunner, environment: Mapping[str, str]) -> Found:
        """What the device has, each driver asked in a process that may crash, and gets the `environment`.

        Raises InfraError only.
        """
        ...


def loader(session: AgentSession, libraries: Sequence[str]) -> str | None:
    """Where the device has the first of these libraries; None if it has none for its ABI."""
    abi = session.hello.abi
    bits = "64" if abi.pointer_size == 8 else ""
    folders = [folder.format(triplet=abi.triplet, bits=bits) for folder in _FOLDERS]
    # a path as it is
    paths = [str(PurePosixPath(folder) / library) for library in libraries for folder in folders]
    return next((path for path in paths if session.read_file(path, 4) == b"\x7fELF"), None)


@contextmanager
def process_of(session: AgentSession, library: str, environment: Mapping[str, str], label: str) -> Iterator[Process]:
    """A process that has loaded the library. Raises what that ends in."""
    process = session.spawn(library, environment=environment, label=label, deadline=DEADLINE)
    try:
        yield process
    finally:
        process.close()


FAILURES: Final = (ProductError, MissingDependency, MissingFile, MissingSymbol, WrongAbi)
"""What a driver can end in, which says something of the driver and not of the device."""


def text_of(raw: bytes) -> str:
    """A C string."""
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
