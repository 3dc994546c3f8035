"""A store of each kind for the tests of memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.device_farm.memory.memory import Memory
from support.commands import CommandLine
from support.memories import initialised
from support.postgresql import postgresql_database, postgresql_server

__all__ = ["postgresql_database", "postgresql_server"]


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'farm.db'}"
    return initialised(request.getfixturevalue("postgresql_database"))


@pytest.fixture
def memory(address: str) -> Iterator[Memory]:
    with Memory.open(address) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path, address: str) -> CommandLine:
    """A folder whose farm's store is the test's memory."""
    folder = tmp_path / "work"
    folder.mkdir()
    line = CommandLine(folder)
    line.farm(address)
    return line
