import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.kernel_faults import JOB, Faults, run_with_faults
from support.plugin_runs import Desk


@pytest.fixture(scope="session")
def root() -> Iterator[Path]:
    """Where this machine keeps what it is sent as a device."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        yield Path(folder)


@pytest.fixture
def desk(tmp_path: Path, root: Path) -> Desk:
    return Desk(tmp_path, tmp_path / "state", {"ONTARGET_ROOT": str(root)})


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Faults:
    environment = {"ONTARGET_ROOT": str(root), **JOB}
    desk = Desk(tmp_path_factory.mktemp("faults"), tmp_path_factory.mktemp("state"), environment)
    return Faults(desk.folder, run_with_faults(desk, "--junitxml", "junit.xml"))
