"""Builds of the store as files on this machine: kept in the user's cache, verified each time that they are used."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

from ontarget.device_farm.artifacts.manifest import Manifest
from ontarget.device_farm.artifacts.store import ArtifactStore
from ontarget.device_farm.errors import StoreFailed
from ontarget.harness.digests import DigestCache
from ontarget.harness.errors import MissingFile

_KEPT: Final = 64  # builds
_LEFT_ALONE: Final = 86400.0  # seconds in which a build that was used may be in use


class BuildCache:
    """A folder per build, named by what is in it."""

    def __init__(self, root: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """`root` None: the user's own cache. `clock`: seconds since 1970."""
        self._root = root or platformdirs.user_cache_path("ontarget") / "artifacts"
        self._digests = DigestCache()
        self._clock = clock

    def folder(self, store: ArtifactStore, manifest: Manifest) -> Path:
        """The folder with the build's files. Raises ArtifactDamaged, StoreFailed."""
        name = hashlib.sha256(repr(sorted(manifest.contents().items())).encode()).hexdigest()
        path = self._root / name
        if not self._whole(path, manifest):
            shutil.rmtree(path, ignore_errors=True)
            with store.fetched(manifest, path) as fetched:
                self._put(fetched, path, manifest)
            self._forget_old()
        now = self._clock()
        with suppress(OSError):
            os.utime(path, (now, now))
        return path

    def _put(self, fetched: Path, path: Path, manifest: Manifest) -> None:
        try:
            fetched.rename(path)
        except OSError as error:
            if not self._whole(path, manifest):  # where it is, another process was faster
                raise StoreFailed(f"the build could not be put at {path}: {error.strerror}") from error

    def _whole(self, path: Path, manifest: Manifest) -> bool:
        try:
            return all(self._digests.digest(path / file.name) == file.sha256 for file in manifest.files)
        except MissingFile:
            return False

    def _forget_old(self) -> None:
        """Remove what was used longest ago, as far as there is too much, and nobody can be using it."""
        used = sorted(
            ((path.stat().st_mtime, path) for path in self._root.iterdir() if not path.name.startswith(".")),
            reverse=True,
        )
        for at, path in used[_KEPT:]:
            if self._clock() - at > _LEFT_ALONE:
                shutil.rmtree(path, ignore_errors=True)


def path_of(store: ArtifactStore, manifest: Manifest, cache: BuildCache) -> Path:
    """The library of a build as a file, or the folder of several. Raises ArtifactDamaged, StoreFailed."""
    folder = cache.folder(store, manifest)
    return folder if manifest.library is None else folder / manifest.library
