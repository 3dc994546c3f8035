"""Each test has folders of its own, so that what is left behind there is of its own runs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.boards import state_home, stop_all
from support.plugin_runs import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a state folder and a device root of its own; boards that are on at the end are stopped."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        state = tmp_path / "state"
        with state_home(state):
            yield Desk(tmp_path, state, {"ONTARGET_ROOT": root})
        stop_all(state)
