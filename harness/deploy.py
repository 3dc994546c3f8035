"""Brings a build's files to a device: only those that it does not have, by content."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ontarget.harness import pages
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.builds import Bundle, SharedObject
from ontarget.harness.digests import DigestCache
from ontarget.harness.errors import DeviceFull

AGE_MOST_SECONDS: Final = 14 * 24 * 3600.0
# Boards may keep their files in memory, of which a virtual one has 512 MiB.
BYTES_MOST: Final = 256 << 20

Progress = Callable[[str, int, int], None]
"""Gets a file's name, its bytes on the device so far, and its bytes in all."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeployedFiles:
    """Where a bundle's files are on the device. `digest` names the bundle, `digests` each file of it."""

    library: str
    dependencies: tuple[str, ...]
    digest: str
    digests: tuple[str, ...]


def _silent(name: str, done: int, size: int) -> None:
    pass


def deploy(
    session: AgentSession,
    bundle: Bundle,
    *,
    cache: DigestCache,
    keep: Sequence[str] = (),
    progress: Progress = _silent,
) -> DeployedFiles:
    """Store the bundle's files that the device lacks; if any, clean up after them, but leave `keep`, digests in use.

    Raises DeployFailed, DeviceFull, MissingFile, WrongAbi for segments that the device's pages are too large for, and
    what the transport raises.
    """
    pages.check(bundle, session.hello.page_size, device=session.device)
    files = (bundle.library, *bundle.dependencies)
    digests = tuple(cache.digest(file.path) for file in files)
    stored = False
    for file, digest in zip(files, digests, strict=True):
        size = file.path.stat().st_size
        if session.stat_file(digest, file.name) != size:
            _store(session, file, digest, size, (*keep, *digests), progress)
            stored = True
    if stored:
        session.sweep(max_age=AGE_MOST_SECONDS, max_bytes=BYTES_MOST, keep=(*keep, *digests))
    where = [session.path_of(digest, file.name) for file, digest in zip(files, digests, strict=True)]
    whole = hashlib.sha256("".join(f"{d} {f.name}\n" for d, f in zip(digests, files, strict=True)).encode())
    return DeployedFiles(where[0], tuple(where[1:]), whole.hexdigest(), digests)


def _store(
    session: AgentSession, file: SharedObject, digest: str, size: int, keep: Sequence[str], progress: Progress
) -> None:
    def report(done: int) -> None:
        progress(file.name, done, size)

    path = Path(file.path)
    try:
        session.store_file(path, digest, file.name, report)
    except DeviceFull as error:
        removed = session.sweep(max_age=0.0, max_bytes=0, keep=keep)
        if not removed:
            raise
        _log.warning("%s; removed %d older files and went on", error, len(removed))
        session.store_file(path, digest, file.name, report)
