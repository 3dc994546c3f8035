from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.harness.transports.adb import AdbTransport
from ontarget.harness.transports.local import LocalTransport
from ontarget.harness.transports.protocols import Transport
from ontarget.harness.transports.ssh import SshTransport
from support.phones import AdbServer, adb_server, running_phone
from support.sshd import Sshd, running_sshd

__all__ = ["adb_server"]


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


@pytest.fixture(scope="session")
def shared_adb(adb_server: AdbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbTransport]:
    with running_phone(tmp_path_factory.mktemp("phone")) as phone:
        yield adb_server.transport(phone, "unit-7")


@pytest.fixture(scope="session")
def shared_old_adb(adb_server: AdbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbTransport]:
    """A phone whose adbd knows no shell protocol."""
    with running_phone(tmp_path_factory.mktemp("old-phone")) as phone:
        phone.faults.shell_v2 = False
        yield adb_server.transport(phone, "unit-7")


@pytest.fixture(params=["local", "ssh", "adb", "old_adb"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each transport in turn: what the contract's tests take."""
    if request.param == "local":
        return LocalTransport("unit-7")
    shared = request.getfixturevalue(f"shared_{request.param}")
    assert isinstance(shared, SshTransport | AdbTransport)
    return shared


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without keys, agent and ssh configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path
