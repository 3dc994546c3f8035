"""Digests of local files are remembered, and never wrongly."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from ontarget.harness.digests import DigestCache
from ontarget.harness.errors import MissingFile

LATER = 3600.0


@pytest.fixture
def cache(tmp_path: Path) -> DigestCache:
    """A cache to which every file is an hour old."""
    return DigestCache(tmp_path / "cache" / "digests.json", clock=lambda: time.time() + LATER)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_digest_is_remembered_for_other_processes(tmp_path: Path, cache: DigestCache) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    assert cache.digest(file) == sha256(b"one")
    remembered = (tmp_path / "cache" / "digests.json").read_text()
    assert sha256(b"one") in remembered
    # What is remembered is used: a lie in it is told again.
    (tmp_path / "cache" / "digests.json").write_text(remembered.replace(sha256(b"one"), "0" * 64))
    assert cache.digest(file) == "0" * 64


def test_a_changed_file_has_another_digest(tmp_path: Path, cache: DigestCache) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    cache.digest(file)
    file.write_bytes(b"three")
    assert cache.digest(file) == sha256(b"three")


def test_a_file_of_the_same_size_and_time_has_another_digest(tmp_path: Path, cache: DigestCache) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    times = file.stat()
    cache.digest(file)
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert cache.digest(file) == sha256(b"two")


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    cache = DigestCache(tmp_path / "digests.json", clock=lambda: file.stat().st_mtime + 0.5)
    assert cache.digest(file) == sha256(b"one")
    assert not (tmp_path / "digests.json").exists()


def test_a_damaged_cache_is_begun_anew(tmp_path: Path, cache: DigestCache) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    for damage in ("", "{", "[]", '{"x": 1}', f'{{"{file}": [1, 2, 3, 4, 5]}}'):
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "cache" / "digests.json").write_text(damage)
        assert cache.digest(file) == sha256(b"one")


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    cache = DigestCache(file / "below-a-file.json", clock=lambda: time.time() + LATER)
    assert cache.digest(file) == sha256(b"one")


def test_a_missing_file(tmp_path: Path, cache: DigestCache) -> None:
    with pytest.raises(MissingFile, match="nothing-here"):
        cache.digest(tmp_path / "nothing-here")
