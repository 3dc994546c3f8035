"""One device: what it is, its agent, and builds of the library on it."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

from ontarget.harness import android, backends, probe, profiles
from ontarget.harness.abi import Abi
from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession, Fence
from ontarget.harness.backends.caches import KernelCaches
from ontarget.harness.backends.caches import environment as keeping_kernels_in
from ontarget.harness.builds import Build
from ontarget.harness.conditions import Conditions
from ontarget.harness.deploy import DeployedFiles, Progress, deploy
from ontarget.harness.digests import DigestCache
from ontarget.harness.errors import BackendBroken, InfraError, MissingDependency, NotOffered, UntimedDevice
from ontarget.harness.phone_log import PhoneLog
from ontarget.harness.probe import Capabilities
from ontarget.harness.steadying import readiness
from ontarget.harness.steadying.profile import BoardProfile
from ontarget.harness.steadying.readings import Moment, Readings
from ontarget.harness.steadying.rights import Rights
from ontarget.harness.steadying.sharing import Holders
from ontarget.harness.steadying.steadier import Changes, Steadier
from ontarget.harness.transports.protocols import CommandRunner, Console, Reconnects, Transport

_log = logging.getLogger(__name__)

CPU: Final = "cpu"
"""What computes where no backend is named."""

# A board whose clock counts instructions takes several real seconds for one of its own.
_COUNTED_SLOWNESS: Final = 20.0


class Clock(StrEnum):
    """What a device's monotonic clock counts, and so what may be said of a timing there."""

    TIME = "time"
    INSTRUCTIONS = "instructions"
    NONE = "none"


@dataclass(frozen=True)
class DeviceInfo:
    """What a device is. `kind` is local, board, virtual or phone."""

    name: str
    model: str
    kind: str
    abi: Abi
    clock: Clock
    capabilities: Capabilities


class Device:
    """A device with a running agent. Not thread-safe."""

    def __init__(
        self,
        transport: Transport,
        session: AgentSession,
        info: DeviceInfo,
        fence: Fence,
        console: Console | None,
        quiet: Callable[[], AbstractContextManager[None]],
        digests: DigestCache | None = None,
        profile: BoardProfile | None = None,
    ) -> None:
        self.info = info
        self.session = session
        self.console = console
        self.quiet = quiet
        self.log: PhoneLog | None = None
        self._transport = transport
        self._fence = fence
        self._digests = digests or DigestCache()
        self._in_use: set[str] = set()
        self.profile = profile or profiles.probed(info)
        cores = session.hello.cores
        self._readings = Readings(self.profile, cores, self._read_files, transport, time.monotonic)
        self._steadier = Steadier(
            transport,
            self._read_files,
            self.profile,
            device=info.name,
            cores=cores,
            android=info.kind == "phone",
            folders=_journals(info.kind, session.root),
            holders=Holders() if info.kind == "local" else None,
        )
        self.kernel_caches = KernelCaches(transport, session.root, info.name)
        self._backends: dict[str, backends.Found] = {}
        self._changes: Changes | None = None
        self._measured = False
        self._watching: tuple[int, list[str]] | None = None  # by which session, and what

    @classmethod
    def open(
        cls,
        transport: Transport,
        *,
        name: str,
        model: str | None = None,
        kind: str,
        fence: Fence,
        clock: Clock | None = None,
        console: Console | None = None,
        quiet: Callable[[], AbstractContextManager[None]] = nullcontext,
        root: str | None = None,
        digests: DigestCache | None = None,
        profile: str | None = None,
    ) -> Self:
        """Start the agent and find out what the device is; from here on the device owns the transport and console.

        `model` None: what the device says of itself. `clock` None: time, unless the device says that it is an emulator.
        `quiet` makes a context in which nothing else on the same host disturbs. `root`: where on the device ontarget
        keeps its files, None for the agent's choice. `profile` names its kind, None for the one that fits. What a
        killed run has left changed on the device is given back.

        Raises AgentError, Fenced, UserError for an unknown profile, and what the transport raises.
        """
        chosen = None if profile is None else profiles.named(profile, device=name)
        session = AgentSession.start(transport, device=name, root=root, fence=fence)
        try:
            wanted = probe.paths(session.hello.cores)
            files = dict(zip(wanted, session.read_files(wanted), strict=True))
            capabilities = probe.parse(files)
            abi = session.hello.abi
            if kind == "phone":
                phone = android.phone(android.properties(transport.run(["getprop"]).stdout.decode("utf-8", "replace")))
                capabilities = android.completed(capabilities, phone)
                clock = clock or (Clock(phone.clock) if phone.clock in set(Clock) else None)
            found = probe.model_of(capabilities, kind=kind, abi=abi, has_tree=probe.has_tree(files))
            clock = clock or (Clock.NONE if capabilities.emulated else Clock.TIME)
            info = DeviceInfo(name, model or found, kind, abi, clock, capabilities)
            device = cls(transport, session, info, fence, console, quiet, digests, chosen)
            device.log = PhoneLog(transport) if kind == "phone" else None
            if device._steadier.left_behind():
                device._steadier.give_back()
        except BaseException:
            session.close()
            raise
        _pace(session, clock)
        return device

    def deploy(self, build: Build, *, progress: Progress | None = None) -> "DeployedBuild":
        """Bring the build's files to the device, as far as it lacks them.

        Raises MissingFile and WrongAbi for a build without the device's ABI, DeployFailed, DeviceFull.
        """
        bundle = build.bundle(self.info.abi, device=self.info.name)
        keep = tuple(self._in_use)
        if progress is None:
            files = deploy(self.session, bundle, cache=self._digests, keep=keep)
        else:
            files = deploy(self.session, bundle, cache=self._digests, keep=keep, progress=progress)
        self._in_use.update(files.digests)
        return DeployedBuild(build.label, self, files, bundle.toolchain, bundle.elsewhere)

    def backend(self, name: str) -> backends.Found:
        """What it has of a backend (opencl ...), asked once. Raises UserError for an unknown one, InfraError."""
        if name not in self._backends:
            asked = backends.named(name)
            folder = self.kernel_caches.folder("", cold=True)
            given = keeping_kernels_in(folder, asked.cache_variables)
            self._backends[name] = asked.probe(self.session, self._transport, given)
        return self._backends[name]

    def require_backend(self, name: str) -> backends.Found:
        """The same. Raises NotOffered if it is not on the device, BackendBroken if it does not work."""
        found = self.backend(name)
        if found.state is backends.State.ABSENT:
            looked = ", ".join(backends.named(name).libraries)
            raise NotOffered(f"no {name} on this device: looked for {looked}", device=self.info.name)
        if found.state is backends.State.BROKEN:
            raise BackendBroken(f"{name} does not work here: {found.in_words()}", device=self.info.name)
        return found

    def require_timing(self) -> None:
        """Raise UntimedDevice if the clock means nothing."""
        if self.info.clock is Clock.NONE:
            raise UntimedDevice(
                "expected a device whose clock means something, found an emulator that runs freely: its timings spread "
                "several-fold. Give a virtual board that counts instructions (`ontarget board up`), or a real device",
                device=self.info.name,
            )

    @property
    def runner(self) -> CommandRunner:
        """Runs commands on the device, beside its agent. Whoever changes something that way holds its lease."""
        return self._transport

    def conditions(self) -> Conditions:
        """What the device is doing now, in one round trip, and now and then a command. Raises what the transport
        raises."""
        return self._readings.now()

    def steady(self) -> Changes:
        """Make the device steady for measurements, once, as far as rights allow; `close` gives back what that changed.

        Raises what the transport raises.
        """
        if self._changes is None:
            self._changes = self._steadier.steady()
            for line in self._changes.in_words():
                _log.info("%s: %s", self.info.name, line)
        return self._changes

    @property
    def rights(self) -> Rights:
        """With which rights settings can be changed. Raises what the transport raises."""
        return self._steadier.access.rights

    def get_ready(
        self,
        *,
        longest: float = readiness.LONGEST_WAIT,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        told: Callable[[str], None] = lambda _: None,
    ) -> list[readiness.Lack]:
        """Wait until the device is cool and does not throttle, at most `longest` seconds; what it lacks after that.

        Before the first measurement it has to be idle, too; later the load is our own. Raises what the transport does.
        """
        first, self._measured = not self._measured, True
        # this machine runs us, and much else
        busy = max(1.0, self.session.hello.cores / 2) if first and self.info.kind != "local" else None

        def look() -> list[readiness.Lack]:
            return readiness.lacking(self.conditions(), cool_c=self.profile.cool_c, load_most=busy)

        return readiness.wait(look, longest=longest, clock=clock, pause=pause, told=told)

    def give_back(self) -> None:
        """Undo what `steady` changed. Never raises: who uses the device next does what could not be done now."""
        changes, self._changes = self._changes, None
        if changes is None or not (changes.made or self.info.kind == "local"):
            return  # this machine's other runs may have left it to us
        try:
            self._steadier.give_back()
        except InfraError as error:
            _log.warning("%s: its settings are given back when it is used next: %s", self.info.name, error)

    def watch(self, cores: Sequence[int]) -> None:
        """From here on, sample beside each duet what tells whether the device stays steady on `cores` (() for all)."""
        self._watch(self._readings.watched(cores))

    def watch_power(self) -> bool:
        """From here on, sample beside each duet what the device takes; False if it has no meter that is read so."""
        paths = self._readings.metered()
        self._watch(paths)
        return bool(paths)

    def _watch(self, paths: list[str]) -> None:
        if self._watching != (id(self.session), paths):
            self.session.watch(paths)
            self._watching = (id(self.session), paths)

    def watched(self) -> tuple[Moment, ...]:
        """What was sampled beside the duets since the last call. Raises what the transport raises."""
        if self._watching is None or not self._watching[1]:
            return ()
        found = self.session.watched()
        return tuple(
            self._readings.moment(sample.seconds, dict(zip(self._watching[1], sample.contents, strict=True)))
            for sample in found.samples
        )

    def _read_files(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        return self.session.read_files(paths)

    def restart_agent(self) -> None:
        """End the agent with all its processes and start a fresh one, over a new connection if the old one is lost.

        Raises AgentError, Fenced, and what the transport raises.
        """
        self.session.close()
        if isinstance(self._transport, Reconnects) and not self._transport.alive:
            self._transport.reconnect()
        self.session = AgentSession.start(
            self._transport, device=self.info.name, root=self.session.root, fence=self._fence, abi=self.info.abi
        )
        _pace(self.session, self.info.clock)

    def close(self) -> None:
        """Give back what was changed; end agent, console and connection. Never raises; may be called twice."""
        self.give_back()
        try:
            self.kernel_caches.close()
        except InfraError as error:
            _log.warning("%s: its compiled kernels are removed when it is used next: %s", self.info.name, error)
        self.session.close()
        if self.console is not None:
            self.console.close()
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True)
class DeployedBuild:
    """A build on a device. `toolchain` is what made the library, "" where it does not say.

    `backend` is what computes, `environment` what its processes get.
    """

    label: str
    device: Device
    files: DeployedFiles
    toolchain: str
    elsewhere: tuple[str, ...] = ()
    backend: str = CPU
    environment: Mapping[str, str] = field(default_factory=dict)

    def on_backend(self, backend: str, environment: Mapping[str, str] | None = None) -> "DeployedBuild":
        """The same build, its processes started for what computes there, with the variables that its binding asks for.

        Raises NotOffered, BackendBroken, UserError.
        """
        found = {} if backend == CPU else self.device.require_backend(backend).environment
        return replace(self, backend=backend, environment={**found, **(environment or {})})

    @property
    def digest(self) -> str:
        """Names the library and what travels with it by their content."""
        return self.files.digest

    def launch(
        self,
        *,
        cores: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        threads: int = 1,
        cold: bool = False,
    ) -> Process:
        """Start a fresh process with the library loaded, pinned to `cores` if any are named.

        `threads` is what the binding finds as `Process.threads`, and an OpenMP runtime in OMP_NUM_THREADS. Kernels that
        were compiled by the build's earlier processes are there, unless `cold`.
        Raises MissingDependency, WrongAbi, and what the library's own initialisation ends in.
        """
        caches, keeping, folder = self.device.kernel_caches, {}, ""
        if self.backend != CPU:
            folder = caches.folder(self.digest, cold=cold)
            keeping = keeping_kernels_in(folder, backends.named(self.backend).cache_variables)
        given = {"OMP_NUM_THREADS": str(threads), **keeping, **self.environment, **(environment or {})}
        try:
            process = self.device.session.spawn(
                self.files.library,
                dependencies=self.files.dependencies,
                environment=given,
                cores=cores,
                label=self.label,
            )
        except MissingDependency as error:
            raise MissingDependency(
                f"{error}. Not found beside the library on the host: {', '.join(self.elsewhere) or 'nothing'}",
                device=self.device.info.name,
            ) from error
        process.threads, process.cold = threads, cold
        if folder and not cold:
            caches.given(self.device.session, process, self.digest, folder)
        return process


def _journals(kind: str, root: str) -> tuple[str, ...]:
    """Where a device keeps note of what was changed: one place for all its users, else with the rest of our files."""
    shared = "/data/local/tmp/ontarget" if kind == "phone" else "/var/lib/ontarget"
    return (shared,) if root == shared else (shared, root)


def _pace(session: AgentSession, clock: Clock) -> None:
    if clock is Clock.INSTRUCTIONS:
        session.slowness = _COUNTED_SLOWNESS
