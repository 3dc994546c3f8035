"""Agents to test against."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import AgentSession
from support import culprit as culprit_library
from support.agents import ABIS, NATIVE, compile_library, start, transport_for


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
    return open_root / str(request.node.name).replace("/", "_")


@pytest.fixture(scope="module", params=ABIS)
def abi(request: pytest.FixtureRequest) -> Abi:
    return Abi(request.param)


@pytest.fixture(scope="module")
def session_of_abi(abi: Abi, open_root: Path, libc_cache: Path) -> Iterator[AgentSession]:
    """An agent of each ABI."""
    session = start(transport_for(abi, libc_cache), open_root / abi, abi=abi)
    yield session
    session.close()


@pytest.fixture
def session(root: Path, libc_cache: Path) -> Iterator[AgentSession]:
    """An agent of this machine's ABI, with a root of its own."""
    session = start(transport_for(NATIVE, libc_cache), root)
    yield session
    session.close()


@pytest.fixture(scope="session")
def culprit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that crashes, hangs and leaves, for this machine."""
    return compile_library(culprit_library.SOURCE, tmp_path_factory.mktemp("culprit") / "libculprit.so")


@pytest.fixture(scope="module")
def culprit_of_abi(abi: Abi, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(culprit_library.SOURCE, tmp_path_factory.mktemp("culprit") / "libculprit.so", abi)
