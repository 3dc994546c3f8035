from pathlib import Path

import pytest

from support.plugin_runs import Desk


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's state folder, kept for the session: a device is asked once what it is."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def desk(tmp_path: Path, state: Path) -> Desk:
    return Desk(tmp_path, state)
