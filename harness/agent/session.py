"""The client's end of the agent: one agent process on one device, for one client."""

import logging
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.abi import Abi
from ontarget.harness.agent import files, watching
from ontarget.harness.agent.blobs import Blobs
from ontarget.harness.agent.calls import result_bits
from ontarget.harness.agent.conversation import Answer, Conversation
from ontarget.harness.agent.failures import error_for
from ontarget.harness.agent.frames import VERSION, Op, PayloadReader, Status, text, texts
from ontarget.harness.agent.placing import place
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.errors import AgentError, Fenced, OntargetError, WrongAbi
from ontarget.harness.transports.protocols import Transport

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fence:
    """Who may use the device: the farm's store, the number of the lease, which only grows, and whose lease it is."""

    store: str
    token: int
    owner: str = ""


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

    `bursts` per side, each of `samples_per_burst` samples of `calls_per_sample` calls after `discard` calls that are
    not recorded; before the first burst each side makes `warmup_calls`. `first` (0 or 1) starts. `deadline`: seconds
    for the whole.
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

    def __init__(self, conversation: Conversation, hello: AgentHello, device: str, root: str) -> None:
        self.hello: Final = hello
        self.device: Final = device
        self.root: Final = root
        self._conversation = conversation
        self._blobs = Blobs(conversation)
        self._processes: dict[int, Process] = {}
        self._last_worker = 0

    @classmethod
    def start(
        cls, transport: Transport, *, device: str, root: str | None = None, fence: Fence, abi: Abi | None = None
    ) -> "AgentSession":
        """Put the agent on the device if it is not there, and start it.

        `root` and `abi` are found out on the device if None. Raises AgentError, Fenced, and what the transport raises.
        """
        placed = place(transport, device=device, root=root, abi=abi)

        def why_ended() -> OntargetError | None:
            """A newer agent ends an older one without a word, so look who holds the device."""
            found = transport.run(["cat", f"{placed.root}/fence"]).stdout.decode("utf-8", "replace").split("\n")
            if len(found) < 2 or (found[0], found[1]) == (fence.store, str(fence.token)):
                return None
            holder = found[2] if len(found) > 2 and found[2] else "nobody named"
            return Fenced(
                f"the device was taken with token {found[1]} of store {found[0]}, by {holder}; ours was {fence.token} "
                f"of {fence.store}; reserve the device again",
                device=device,
            )

        conversation = Conversation(transport.open([placed.program, "serve", placed.root]), device, why_ended)
        try:
            hello = _greet(conversation, fence, placed.abi, placed.digest)
        except BaseException:  # whatever it is, nobody else would close the channel
            conversation.close()
            raise
        return cls(conversation, hello, device, placed.root)

    @property
    def grace(self) -> float:
        return self._conversation.grace

    @grace.setter
    def grace(self, seconds: float) -> None:
        self._conversation.grace = seconds

    @property
    def slowness(self) -> float:
        return self._conversation.slowness

    @slowness.setter
    def slowness(self, factor: float) -> None:
        self._conversation.slowness = factor

    @property
    def memory_budget(self) -> int:
        """Bytes of arrays that are kept on the device for processes to come."""
        return self._blobs.budget

    @memory_budget.setter
    def memory_budget(self, size: int) -> None:
        self._blobs.budget = size

    def path_of(self, digest: str, name: str) -> str:
        """Where a stored file is on the device."""
        return str(PurePosixPath(self.root) / digest / name)

    def stat_file(self, digest: str, name: str) -> int | None:
        """Bytes of a stored file, None if it is not there whole; marks it as used."""
        return files.stat_file(self._conversation, digest, name)

    def store_file(self, local: Path, digest: str, name: str, progress: Callable[[int], None] | None = None) -> None:
        """Store a file whose SHA-256 is `digest`; `progress` gets the bytes accepted so far.

        Raises DeployFailed (other content than `digest` says), DeviceFull, MissingFile.
        """
        files.store_file(self._conversation, local, digest, name, progress)

    def sweep(self, *, max_age: float, max_bytes: int, keep: Sequence[str]) -> list[str]:
        """Remove digests unused for `max_age` seconds, then the least recently used above `max_bytes`; return them."""
        return files.sweep(self._conversation, max_age=max_age, max_bytes=max_bytes, keep=keep)

    def read_file(self, path: str, most: int = 65536) -> bytes | None:
        """Content of any file that the agent may read, up to `most` bytes (at most 1 MiB); None if there is none."""
        return files.read_files(self._conversation, [path], most)[0]

    def read_files(self, paths: Sequence[str]) -> list[bytes | None]:
        """Content of several files, up to 64 KiB each, in one round trip."""
        return files.read_files(self._conversation, paths, 65536)

    def watch(self, paths: Sequence[str], *, period: float = watching.PERIOD) -> None:
        """Sample the files (at most 16) between the bursts of duets to come, for at most 1 % of their time."""
        watching.watch(self._conversation, list(paths), period)

    def watched(self) -> watching.Watched:
        """What was sampled since the last call."""
        return watching.watched(self._conversation)

    def blob(self, array: NDArray[Any]) -> tuple[int, int]:
        """The number of shared memory on the device with the content of a contiguous array, for `Process.buffer`.

        The second number is the byte of it at which the array begins.
        """
        return self._blobs.put(array)

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
        self._blobs.check()
        worker = self._free_worker()
        process = Process(self, self._conversation, worker, label)
        variables = [f"{name}={value}" for name, value in (environment or {}).items()]
        wish = struct.pack(f"<QH{len(cores)}H", memory_limit, len(cores), *cores) + texts(variables)
        failed: list[OntargetError] = []
        self._processes[worker] = process
        self._conversation.send(
            Op.SPAWN,
            wish,
            what=f"starting process {label}",
            worker=worker,
            label=label,
            listener=lambda answer: failed.extend(filter(None, [answer.error()])),
        )
        loading = self._conversation.send(
            Op.LOAD,
            text(library) + texts(dependencies),
            what=f"loading {PurePosixPath(library).name}",
            worker=worker,
            label=label,
            deadline=deadline,
        )
        answer = self._conversation.wait(loading)
        error = failed[0] if failed else answer.error()
        if error is not None:
            process.close()
            raise error
        return process

    def end_process(self, process: Process) -> None:
        """`Process.close`, the session's part."""
        if self._processes.get(process.worker) is not process:
            return

        def freed(_: Answer) -> None:
            self._processes.pop(process.worker, None)

        try:
            what = f"ending process {process.label}"
            self._conversation.send(Op.END, what=what, worker=process.worker, label=process.label, listener=freed)
            self._conversation.write()
        except OntargetError as error:
            # Its agent is gone, and with it the process; who needs the agent next is told.
            _log.debug("process %s was ended with its agent: %s", process.label, error)

    def settle(self, process: Process) -> bool:
        """Wait until a process that was closed has ended; False if its agent is lost, with it or before it."""
        try:
            self._conversation.hear(lambda: self._processes.get(process.worker) is not process)
        except OntargetError as error:
            _log.debug("process %s ended with its agent: %s", process.label, error)
            return False
        return True

    def duet(self, first: Bound, second: Bound, plan: DuetPlan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Time two calls of two processes in turns, the idle process stopped.

        Returns nanoseconds per sample, shape [bursts, samples_per_burst] each, in the order of the arguments. Raises as
        `Process.call`, for the side that failed.
        """
        sides = {bound.process.worker: bound for bound in (first, second)}
        if len(sides) != 2 or plan.first not in (0, 1):
            raise ValueError("a duet is of two processes, and `first` is 0 or 1")
        for bound in sides.values():
            bound.process.flush()
        request = struct.pack(
            "<HIHIIIIIIB",
            first.process.worker,
            first.identity,
            second.process.worker,
            second.identity,
            plan.bursts,
            plan.samples_per_burst,
            plan.calls_per_sample,
            plan.discard,
            plan.warmup_calls,
            plan.first,
        )
        answer = self._conversation.wait(
            self._conversation.send(Op.DUET, request, what="a duet", deadline=plan.deadline)
        )
        if answer.status != Status.OK:
            failed = sides.get(answer.worker)
            if failed is None:
                raise error_for(answer.status, answer.payload, answer.asked)
            bits = result_bits(failed.prototype, self.hello.abi)
            asked = answer.asked._replace(what=failed.function, label=failed.process.label, signed_bits=bits)
            failed.process.fail(error_for(answer.status, answer.payload, asked))
        samples = np.frombuffer(answer.payload, "<i8").astype(np.int64)
        both = samples.reshape(2, plan.bursts, plan.samples_per_burst)
        return both[0], both[1]

    def close(self) -> None:
        """End the agent and all that it started. Never raises; may be called twice."""
        self._conversation.close()

    def _free_worker(self) -> int:
        for _ in range(0xFFFF):
            self._last_worker = self._last_worker % 0xFFFF + 1
            if self._last_worker not in self._processes:
                return self._last_worker
        raise AgentError("65535 processes are open; close those that are done", device=self.device)


def one_line(owner: str) -> str:
    """An owner's name as the agent keeps it, in one line."""
    return " ".join(owner.split()).encode()[:200].decode("utf-8", "ignore")


def _greet(conversation: Conversation, fence: Fence, abi: Abi, digest: str) -> AgentHello:
    request = struct.pack("<H", VERSION) + text(fence.store) + struct.pack("<Q", fence.token)
    request += text(one_line(fence.owner))
    answer = conversation.wait(conversation.send(Op.HELLO, request, what="entering the device"))
    error = answer.error()
    if error is not None:
        raise error
    _, bits, machine, uid, page, cores, resolution, _ = PayloadReader(answer.payload).take("HHHIIIII")
    if (machine, bits) != (abi.elf.machine, abi.elf.bits):
        found = f"found one of {bits} bits for ELF machine {machine}"
        raise WrongAbi(f"expected an agent for {abi}, {found}", device=conversation.device)
    return AgentHello(abi, uid, page, cores, resolution, digest)
