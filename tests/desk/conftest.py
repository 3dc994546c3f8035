"""The command line at a desk."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import CommandLine


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[CommandLine]:
    """A folder without a farm; this machine keeps its files where unprivileged processes can get, too."""
    with tempfile.TemporaryDirectory(prefix="ontarget-desk-") as root:
        Path(root).chmod(0o755)
        yield CommandLine(tmp_path, {"ONTARGET_ROOT": root})
