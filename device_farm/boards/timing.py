"""While something is timed on this host's own processor, its boards stand still."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from ontarget.device_farm.boards.registry import Board, running
from ontarget.device_farm.locks import Progress, exclusive, exclusive_if_free, shared, unheard
from ontarget.harness.errors import DeviceUnreachable

T = TypeVar("T")


def lock_path() -> Path:
    """One lock for all users of the host, in a folder that all may write to."""
    folder = Path("/run/lock")
    return (folder if os.access(folder, os.W_OK) else Path("/tmp")) / "ontarget-timing.lock"


@contextmanager
def quiet(progress: Progress = unheard) -> Iterator[None]:
    """Be the only one that times on this host, with all boards of this user paused; they always go on afterwards.

    Waits for others that time or that start a board, and says so through `progress`. Raises InfraError if a board
    that is on cannot be paused or resumed.
    """
    waiting = "waiting for another run that times on this host, or starts a board"
    with exclusive(lock_path(), waiting=lambda: progress(waiting)), ExitStack() as resuming:
        for board in running():
            resuming.callback(_resume, board)
            _pause(board)
        yield


@contextmanager
def undisturbed_by_timing(progress: Progress) -> Iterator[None]:
    """Held while a board starts: nobody times meanwhile, though other boards may start."""
    with shared(lock_path(), waiting=lambda: progress("waiting for a run that times on this host")):
        yield


def being_timed() -> bool:
    """Whether somebody times on this host, so that its boards stand still."""
    with exclusive_if_free(lock_path()) as free:
        return not free


def heal() -> list[str]:
    """Resume boards that a killed run left paused, unless somebody is timing; returns their names."""
    with exclusive_if_free(lock_path()) as free:
        left = [board for board in running() if _is_paused(board)] if free else []
        for board in left:
            _resume(board)
    return [board.name for board in left]


def _pause(board: Board) -> None:
    _unless_off(board, board.pause)


def _resume(board: Board) -> None:
    _unless_off(board, board.resume)


def _is_paused(board: Board) -> bool:
    return _unless_off(board, lambda: board.paused) or False


def _unless_off(board: Board, act: Callable[[], T]) -> T | None:
    """A board that has been switched off meanwhile disturbs nobody."""
    try:
        return act()
    except DeviceUnreachable:
        if board.pid is not None:
            raise
        return None
