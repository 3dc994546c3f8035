"""Files below an address: a folder of this machine, or any URL that fsspec knows. The only module that imports fsspec.

Nothing is seen half written: a file gets its name when it is whole. Secrets in an address are never shown.
"""

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import basename, dirname
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qsl, urlsplit

import fsspec

from ontarget.device_farm.errors import MissingExtra, StoreFailed
from ontarget.harness.errors import UserError

_HIDDEN: Final = "***"


class Files:
    """`name` is the address as it may be shown. Every method raises StoreFailed, MissingExtra."""

    def __init__(self, address: str) -> None:
        """`address`: a path, or a URL such as s3://bucket/folder. Raises UserError for one that fsspec cannot take."""
        self.name = shown(address)
        self._secrets = secrets_of(address)
        whole = address if "://" in address else str(Path(address).expanduser().absolute())
        with self._translated("opened"):
            try:
                found: tuple[Any, str] = fsspec.core.url_to_fs(whole)
            except ValueError as error:
                raise UserError(
                    f"the artifact store {self.name}: expected a folder or a URL of a file system that fsspec knows, "
                    f"found {self._hidden(str(error))}"
                ) from None  # it may show the address as it was given
        self._fs, root = found
        self._root = root.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """The content of a small file; None where there is none."""
        with self._translated(f"read ({path})"):
            try:
                content: bytes = self._fs.cat_file(self._whole(path))
            except FileNotFoundError:
                return None
            return content

    def fetch(self, path: str, target: BinaryIO) -> bool:
        """Copy a file's content to `target`; False where there is none."""
        with self._translated(f"read ({path})"):
            try:
                with self._fs.open(self._whole(path), "rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
            except FileNotFoundError:
                return False
            return True

    def size(self, path: str) -> int | None:
        """The file's size in bytes; None where there is none."""
        with self._translated(f"read ({path})"):
            self._fs.invalidate_cache()
            try:
                size: int = self._fs.info(self._whole(path))["size"]
            except FileNotFoundError:
                return None
            return size

    def write(self, path: str, content: bytes | Path) -> None:
        """Write a file, or replace it, whole or not at all."""
        whole = self._whole(path)
        temporary = f"{self._root}/.unfinished/{uuid.uuid4().hex}"
        with self._translated(f"written ({path})"):
            self._fs.makedirs(dirname(temporary), exist_ok=True)
            self._fs.makedirs(dirname(whole), exist_ok=True)
            try:
                if isinstance(content, Path):
                    self._fs.put_file(str(content), temporary)
                else:
                    self._fs.pipe_file(temporary, content)
                self._fs.mv(temporary, whole)
            except BaseException:
                if self._fs.exists(temporary):
                    self._fs.rm_file(temporary)
                raise

    def folder(self, path: str) -> list[str]:
        """The names in a folder, sorted; none where there is no such folder."""
        with self._translated(f"listed ({path})"):
            self._fs.invalidate_cache()
            try:
                found: list[str] = self._fs.ls(self._whole(path), detail=False)
            except FileNotFoundError:
                return []
        return sorted(basename(name.rstrip("/")) for name in found)

    def _whole(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except ImportError as error:
            raise MissingExtra(
                f"the artifact store {self.name} needs a library that is not installed: {self._hidden(str(error))}"
            ) from None
        except Exception as error:  # noqa: BLE001 - every file system of fsspec has errors of its own
            raise StoreFailed(
                f"the artifact store {self.name} could not be {doing}: "
                f"{self._hidden(f'{type(error).__name__}: {error}')}"
            ) from None  # the foreign error may show the address as it was given

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def shown(address: str) -> str:
    """The address without what may be secret: what comes before an @, and after a ?."""
    without = re.sub(r"://[^/@]*@", f"://{_HIDDEN}@", address)
    return re.sub(r"\?.*", f"?{_HIDDEN}", without, flags=re.DOTALL) if "://" in address else without


def secrets_of(address: str) -> list[str]:
    """The parts of an address that must not be seen, the longest first."""
    if "://" not in address:
        return []
    found = re.findall(r"://([^/@]*)@", address)
    parts = [part for user in found for part in (user, *user.split(":"))]
    query = urlsplit(address).query
    parts += [query, *(value for _, value in parse_qsl(query))]
    return sorted({part for part in parts if part}, key=len, reverse=True)
