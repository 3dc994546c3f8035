"""Agents to test against."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import AgentSession
from support.agents import ABIS, NATIVE, start, transport_for


@pytest.fixture(scope="session")
def open_root() -> Iterator[Path]:
    """A folder that unprivileged workers can get through, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="ontarget-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def libc_cache(open_root: Path) -> Path:
    """Where emulated workers find their libc."""
    return open_root


@pytest.fixture
def root(open_root: Path, request: pytest.FixtureRequest) -> Path:
    """A deploy root of the test's own."""
    return open_root / request.node.name.replace("/", "_")


@pytest.fixture(scope="module", params=ABIS)
def abi(request: pytest.FixtureRequest) -> Abi:
    return Abi(request.param)


@pytest.fixture(scope="module")
def session_of_abi(abi: Abi, open_root: Path, libc_cache: Path, request: pytest.FixtureRequest) -> Iterator[AgentSession]:
    """An agent of each ABI."""
    root = open_root / f"{request.module.__name__.rpartition('.')[2]}-{abi}"
    session = start(transport_for(abi, libc_cache), root, abi=abi)
    yield session
    session.close()


@pytest.fixture
def session(root: Path, libc_cache: Path) -> Iterator[AgentSession]:
    """An agent of this machine's ABI, with a root of its own."""
    session = start(transport_for(NATIVE, libc_cache), root)
    yield session
    session.close()
