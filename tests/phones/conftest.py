from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.device_farm.virtual_phone import VirtualPhone
from support.phones import AdbServer, adb_server, running_phone, running_server

__all__ = ["adb_server"]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[AdbServer]:
    """A server of the test's own, so that it may break it."""
    with running_server(tmp_path / "home") as server:
        yield server


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[VirtualPhone]:
    """A phone of the test's own, whose commands run on this machine as they are."""
    with running_phone(tmp_path / "tools") as found:
        yield found


@pytest.fixture(scope="session")
def rooted_phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualPhone]:
    """A phone with a root of its own, as user `shell`: what an agent can run on. Not to be broken."""
    with running_phone(tmp_path_factory.mktemp("rooted"), rooted=True) as found:
        yield found
