"""All tests of this folder see the boards of the test session, never those of the user who runs it."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_registry(boards_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(boards_home))
