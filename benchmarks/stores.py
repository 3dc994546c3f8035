"""The stores that are measured side by side: SQLite, PostgreSQL, and a labgrid coordinator from PyPI."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import Registration
from support import chaos, postgresql
from support.waiting import eventually


@contextmanager
def sqlite(devices: Sequence[str]) -> Iterator[str]:
    """The address of a new SQLite store with these devices."""
    with tempfile.TemporaryDirectory() as folder:
        yield filled(f"sqlite:///{folder}/farm.db", devices)


@contextmanager
def postgres(devices: Sequence[str]) -> Iterator[str]:
    """The address of a new store with these devices, on a PostgreSQL server that loses nothing when the power fails."""
    with postgresql.started(durable=True) as server, postgresql.database(server.url) as address:
        yield filled(chaos.initialised(address), devices)


def filled(address: str, devices: Sequence[str]) -> str:
    store = open_store(address)
    try:
        store.register([Registration(name, "local", "local", "model") for name in devices])
    finally:
        store.close()
    return address


@contextmanager
def labgrid(places: Sequence[str]) -> Iterator[str]:
    """host:port of a labgrid coordinator with these places.

    They have no resources: each would add a round trip to its exporter to every acquire and release.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = "{}: {{aliases: [], comment: '', tags: {{}}, matches: [], created: 1.0, changed: 1.0}}\n"
        (folder / "places.yaml").write_text("".join(place.format(name) for name in places))
        log = folder / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "labgrid.remote.coordinator", "-l", "127.0.0.1:0"],
                cwd=folder,
                stdout=out,
                stderr=out,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        try:
            eventually(lambda: _listening(process, log) is not None, "labgrid's coordinator", 30.0)
            yield str(_listening(process, log))
        finally:
            process.kill()
            process.wait()


def _listening(process: "subprocess.Popen[bytes]", log: Path) -> str | None:
    if process.poll() is not None:
        raise RuntimeError(f"labgrid's coordinator ended: {log.read_text()}")
    lines = [line for line in log.read_text().splitlines() if line.startswith("listening on ")]
    return lines[0].split()[-1] if lines else None
