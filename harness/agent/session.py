"""The client's end of the agent: one agent process on one device, for one client."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.abi import Abi
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.transports.protocols import Transport


@dataclass(frozen=True)
class Fence:
    """Who may use the device: the farm's store, and the number of the lease, which only grows."""

    store: str
    token: int


@dataclass(frozen=True)
class AgentHello:
    """What the agent says of itself and its device. `agent_digest` is the SHA-256 of the agent's program."""

    abi: Abi
    uid: int
    page_size: int
    cores: int
    clock_resolution_ns: int
    agent_digest: str


@dataclass(frozen=True)
class DuetPlan:
    """How two calls take turns.

    `bursts` per side, each of `samples_per_burst` samples of `calls_per_sample` calls after `discard` calls that are not
    recorded; before the first burst each side makes `warmup_calls`. `first` (0 or 1) starts. `deadline`: seconds, whole.
    """

    bursts: int
    samples_per_burst: int
    calls_per_sample: int
    discard: int
    warmup_calls: int
    first: int
    deadline: float


class AgentSession:
    """One agent process on one device. Not thread-safe.

    `grace` is how many seconds longer than the device's own deadline its answer is waited for, `slowness` by what
    factor the device's clock may lag behind the host's (a board that counts instructions).
    """

    hello: AgentHello
    device: str
    root: str
    grace: float = 30.0
    slowness: float = 1.0

    @classmethod
    def start(
        cls, transport: Transport, *, device: str, root: str | None = None, fence: Fence, abi: Abi | None = None
    ) -> "AgentSession":
        """Put the agent on the device if it is not there, and start it.

        `root` and `abi` are found out on the device if None. Raises AgentError, Fenced, and what the transport raises.
        """
        raise NotImplementedError

    def path_of(self, digest: str, name: str) -> str:
        """Where a stored file is on the device."""
        raise NotImplementedError

    def stat_file(self, digest: str, name: str) -> int | None:
        """Bytes of a stored file, None if it is not there whole; marks it as used."""
        raise NotImplementedError

    def store_file(
        self, local: Path, digest: str, name: str, progress: Callable[[int], None] | None = None
    ) -> None:
        """Store a file whose SHA-256 is `digest`; `progress` gets the bytes accepted so far.

        Raises DeployFailed (other content than `digest` says), DeviceFull, MissingFile.
        """
        raise NotImplementedError

    def sweep(self, *, max_age: float, max_bytes: int, keep: Sequence[str]) -> list[str]:
        """Remove digests unused for `max_age` seconds, then the least recently used above `max_bytes`; return them."""
        raise NotImplementedError

    def read_file(self, path: str, most: int = 65536) -> bytes | None:
        """Content of any file that the agent may read, up to `most` bytes; None if there is none."""
        raise NotImplementedError

    def read_files(self, paths: Sequence[str]) -> list[bytes | None]:
        """Content of several files, in one round trip."""
        raise NotImplementedError

    def spawn(
        self,
        library: str,
        *,
        dependencies: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        cores: Sequence[int] = (),
        label: str,
        deadline: float = 30.0,
        memory_limit: int = 0,
    ) -> Process:
        """Start a process and load `library` (paths on the device), its `dependencies` first, in this order.

        `memory_limit`: bytes of address space, 0 for no limit. Raises MissingDependency, WrongAbi, MissingFile, and
        what the library's own initialisation ends in.
        """
        raise NotImplementedError

    def duet(self, first: Bound, second: Bound, plan: DuetPlan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Time two calls of two processes in turns, the idle process stopped.

        Returns nanoseconds per sample, shape [bursts, samples_per_burst] each, in the order of the arguments.
        """
        raise NotImplementedError

    def close(self) -> None:
        """End the agent and all that it started. Never raises; may be called twice."""
        raise NotImplementedError
