"""SHA-256 of local files, remembered between runs."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

from ontarget.harness.errors import MissingFile

_ENTRIES_MOST: Final = 2000
# A file that was written this shortly before may be written again within one tick of its times.
_SETTLED_SECONDS: Final = 2.0
_WIDTH: Final = 5

Entry = tuple[int, int, int, int, str]


class DigestCache:
    """Digests by path, size, times of content and of inode (ns), and inode number, in a JSON file.

    Processes share the file without locks: it is replaced whole, and what one of them forgets is computed again.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """`path` None: the user's own cache. `clock`: seconds since the epoch."""
        self._path = path or platformdirs.user_cache_path("ontarget") / "digests.json"
        self._clock = clock

    def digest(self, file: Path) -> str:
        """The file's SHA-256 in hexadecimal. Raises MissingFile."""
        path = file.resolve()
        try:
            facts = path.stat()
            key = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
            entries = self._load()
            known = entries.get(str(path))
            if known is not None and known[:4] == key:
                return known[4]
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise MissingFile(f"cannot read {file}: {error.strerror}") from error
        if self._clock() - facts.st_mtime > _SETTLED_SECONDS:
            entries.pop(str(path), None)
            entries[str(path)] = (*key, digest)
            self._store(entries)
        return digest

    def _load(self) -> dict[str, Entry]:
        """What is remembered; nothing if the file is damaged: it is a cache."""
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {path: tuple(entry) for path, entry in found.items() if _sound(entry)}

    def _store(self, entries: dict[str, Entry]) -> None:
        """Replace the file; a cache that cannot be written is done without."""
        kept = dict(list(entries.items())[-_ENTRIES_MOST:])
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".digests.")
            try:
                with os.fdopen(descriptor, "w") as stream:
                    json.dump(kept, stream)
                Path(name).replace(self._path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise


def _sound(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == _WIDTH
        and all(isinstance(value, int) for value in entry[:4])
        and isinstance(entry[4], str)
        and len(entry[4]) == hashlib.sha256().digest_size * 2
    )
