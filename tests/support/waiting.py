"""Waits for what another process does."""

import time
from collections.abc import Callable

_STEP_SECONDS = 0.005


def eventually(condition: Callable[[], bool], what: str, deadline: float = 10.0) -> None:
    """Return as soon as `condition` holds; fail at the deadline."""
    ends = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"{what} did not come about within {deadline:g} s")
        time.sleep(_STEP_SECONDS)
