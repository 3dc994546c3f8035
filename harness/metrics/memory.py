"""How close builds came to a check's reference, remembered: a baseline was a candidate once, and need not run again."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import platformdirs

from ontarget.harness.device import Device
from ontarget.harness.errors import InfraError
from ontarget.harness.metrics.closeness import Closeness

KEPT_DAYS: Final = 30
_FORMAT: Final = 1


class Memory:
    """Closeness by key, in a file that processes share; what was not asked for within 30 days is forgotten."""

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """`path` None: the user's own cache. `clock`: seconds since the epoch."""
        self._path = path or platformdirs.user_cache_path("ontarget") / "accuracy.db"
        self._clock = clock

    def get(self, key: str) -> Closeness | None:
        with self._open() as store:
            row = store.execute("UPDATE closeness SET used = ? WHERE key = ? RETURNING value", (self._clock(), key))
            found = row.fetchone()
        if found is None:
            return None
        fields = json.loads(found[0])
        return Closeness(**{**fields, "index": tuple(fields["index"])})

    def put(self, key: str, closeness: Closeness) -> None:
        with self._open() as store:
            now = self._clock()
            store.execute("DELETE FROM closeness WHERE used < ?", (now - KEPT_DAYS * 86400,))
            store.execute(
                "INSERT OR REPLACE INTO closeness VALUES (?, ?, ?)", (key, json.dumps(asdict(closeness)), now)
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self._path, timeout=30)) as store, store:
                store.execute("CREATE TABLE IF NOT EXISTS closeness (key TEXT PRIMARY KEY, value TEXT, used REAL)")
                yield store
        except sqlite3.Error as error:
            raise InfraError(f"the memory of results {self._path}: {error}; delete the file") from error


def setting(device: Device) -> str:
    """All of a device that a result may depend on: its processor, its system, and the agent that calls."""
    info = device.info
    known = info.capabilities
    processor = (info.model, info.abi, known.soc, known.cores, sorted(known.isa_features))
    return repr((processor, known.os, known.kernel, device.session.hello.agent_digest))


def key(*parts: str | bytes) -> str:
    """The name of what was measured under all of these."""
    digest = hashlib.sha256()
    for part in (str(_FORMAT), *parts):
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
