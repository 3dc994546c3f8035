"""This machine as a device of several runs at once: what one has set is given back by the last of them."""

import fcntl
import os
import tempfile
from pathlib import Path


class Holders:
    """Those who need this machine steady now; who was killed is none of them any more."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path(tempfile.gettempdir()) / f"ontarget-steadying-{os.getuid()}.lock"
        self._file: int | None = None

    def enter(self) -> None:
        """Be one of them."""
        fcntl.flock(self._opened(), fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Be none of them; whether nobody else is one. Until `close` nobody can become one, then."""
        try:
            fcntl.flock(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Let others in. May be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        return self._file
