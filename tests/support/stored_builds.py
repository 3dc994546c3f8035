"""Builds in the store of an agent on this machine: what a farm's device would offer, without the farm."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession, Fence
from ontarget.harness.transports.local import LocalTransport


@contextmanager
def local_session() -> Iterator[AgentSession]:
    """A session with a store of its own."""
    transport = LocalTransport("this machine")
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        fence = Fence(store="tests", token=1)
        session = AgentSession.start(transport, device="this machine", root=root, fence=fence)
        yield session
        session.close()
    transport.close()


@dataclass(frozen=True)
class StoredBuild:
    """A library in the agent's store, with what it needs, that can be launched."""

    session: AgentSession
    label: str
    library: str
    dependencies: tuple[str, ...] = ()

    @classmethod
    def store(
        cls, session: AgentSession, label: str, library: Path, dependencies: Sequence[Path] = ()
    ) -> "StoredBuild":
        def stored(local: Path) -> str:
            digest = hashlib.sha256(local.read_bytes()).hexdigest()
            session.store_file(local, digest, local.name)
            return session.path_of(digest, local.name)

        return cls(session, label, stored(library), tuple(stored(path) for path in dependencies))

    @property
    def digest(self) -> str:
        return " ".join((self.library, *self.dependencies))

    def launch(self, *, threads: int = 1) -> Process:
        process = self.session.spawn(self.library, dependencies=self.dependencies, label=self.label)
        process.threads = threads
        return process
