"""Locks between processes of one host: held by the kernel, so that a killed holder's lock is free at once."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[str], None]


def unheard(_message: str) -> None:
    """The progress callback of callers that want none."""


@contextmanager
def exclusive(path: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock named by the file `path`, which is made if absent and stays.

    `waiting` is called once if another process (or thread) holds it. Waits as long as that takes.
    """
    with _held(path, fcntl.LOCK_EX, waiting):
        yield


@contextmanager
def shared(path: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Like `exclusive`, but held by any number at once that take it as shared."""
    with _held(path, fcntl.LOCK_SH, waiting):
        yield


@contextmanager
def exclusive_if_free(path: Path) -> Iterator[bool]:
    """Like `exclusive`, but never waits: gives whether the lock was had."""
    descriptor = _opened(path)
    try:
        yield _take(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


@contextmanager
def _held(path: Path, kind: int, waiting: Callable[[], None]) -> Iterator[None]:
    descriptor = _opened(path)
    try:
        if not _take(descriptor, kind):
            waiting()
            fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # Kernels refuse O_CREAT on a file of another user in a folder like /tmp, and reading is enough for a lock.
        return os.open(path, flags)
    except FileNotFoundError:
        return os.open(path, flags | os.O_CREAT, 0o644)


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
