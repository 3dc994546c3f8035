"""A desk to run pytest at, and real programs, built once a session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.harness.abi import Abi
from support.plugin_runs import Desk
from support.programs import google_benchmark, google_test


@pytest.fixture(scope="session")
def root() -> Iterator[Path]:
    """Where this machine keeps what it is sent as a device."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        yield Path(folder)


@pytest.fixture
def desk(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Desk:
    return Desk(tmp_path, tmp_path_factory.mktemp("state"), {"ONTARGET_ROOT": str(root)})


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each ABI, by its name: fast/bench, slow/bench (8 times the work), unit_tests."""
    folder = tmp_path_factory.mktemp("programs")
    for abi in (Abi.X86_64, Abi.AARCH64):
        google_benchmark(folder / abi / "fast", abi)
        google_benchmark(folder / abi / "slow", abi, defines=("ROUNDS=8", "CRASHES"))
        google_test(folder / abi, abi)
    return folder
