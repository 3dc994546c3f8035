from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.harness.transports.local import LocalTransport
from ontarget.harness.transports.protocols import Transport
from ontarget.harness.transports.ssh import SshTransport
from support.sshd import Sshd, running_sshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def ssh(sshd: Sshd) -> Iterator[SshTransport]:
    """A connection of the test's own, so that it may break it."""
    transport = sshd.connect("unit-7")
    yield transport
    transport.close()


@pytest.fixture(scope="session")
def shared_ssh(sshd: Sshd) -> Iterator[SshTransport]:
    transport = sshd.connect("unit-7")
    yield transport
    transport.close()


@pytest.fixture(params=["local", "ssh"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each transport in turn: what the contract's tests take."""
    if request.param == "local":
        return LocalTransport("unit-7")
    shared = request.getfixturevalue("shared_ssh")
    assert isinstance(shared, SshTransport)
    return shared


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without keys, agent and ssh configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path
