import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plugin_runs import Desk


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's state folder, kept for the session: a device is asked once what it is."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def root() -> Iterator[Path]:
    """Where this machine keeps what it is sent as a device."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        yield Path(folder)


@pytest.fixture
def desk(tmp_path: Path, state: Path, root: Path) -> Desk:
    return Desk(tmp_path, state, {"ONTARGET_ROOT": str(root)})
