"""References that were computed before, kept on this machine: their digest names operator, inputs and source.

One file each, under the user's cache folder in a folder named for the references' source. It is written beside its
place and renamed, so that workers in parallel find it whole or not at all. What takes no longer to compute than to read
is not kept. Once the folder is full, references of other sources go first, then those that nobody asked for within a
day; younger ones stay and new ones are not kept, since a run that goes through more than there is room for would
otherwise drop each just before it comes round again.
"""

import hashlib
import json
import os
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from ontarget.harness.binding import Case
from ontarget.harness.errors import UserError
from ontarget.harness.metrics import tolerance as tolerances
from ontarget.suites.cases import reference
from ontarget.suites.operators.draft import Expected

ROOM: Final = "ONTARGET_REFERENCES_MB"
"""The environment variable with the most megabytes to keep; 0 keeps none."""

_DEFAULT_ROOM = 4096
_FORMAT = 1
_RULES = {rule.__name__: rule for rule in (tolerances.FloatSum, tolerances.Ulp, tolerances.WithinLsb, tolerances.Exact)}
# What a disk or its cache reads at least, in bytes a second; a reference is worth a few times its reading.
_READ_RATE = 5e8
_WORTH = 3.0
_FRESH = 86400.0  # seconds
_SOURCES = ("ontarget.suites.references", "ontarget.suites.operators")


class ReferenceCache:
    """References by case, in `folder`, of at most `room` bytes. `clock`: seconds since the epoch, as files have them.

    `timer` times a computation. What cannot be kept or read is warned of, and computed.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        room: int | None = None,
        compute: Callable[[Case], Expected] = reference,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`folder` None: the user's own cache. `room` None: by the environment, 4 GiB without it. Raises UserError."""
        self._whole = folder or platformdirs.user_cache_path("ontarget") / "references"
        self._folder = self._whole / source_digest()[:16]
        self._room = _room() if room is None else room
        self._compute = compute
        self._clock = clock
        self._timer = timer

    def reference(self, case: Case) -> Expected:
        """The case's result by the references, and its tolerance. Raises NotOffered where there is none."""
        if self._room <= 0:
            return self._compute(case)
        path = self._folder / f"{digest_of(case)}.npz"
        found = self._read(path)
        if found is None:
            started = self._timer()
            found = self._compute(case)
            self._keep(path, found, self._timer() - started)
        return found

    def _read(self, path: Path) -> Expected | None:
        try:
            with np.load(path, allow_pickle=False) as file:
                found = _from_arrays({name: file[name] for name in file.files})
            now = self._clock()
            os.utime(path, (now, now))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            warnings.warn(f"the kept reference {path} cannot be read ({error}); it is computed anew", stacklevel=2)
            return None
        return found

    def _keep(self, path: Path, expected: Expected, seconds: float) -> None:
        arrays = _to_arrays(expected)
        if arrays is None:
            return
        size = sum(array.nbytes for array in arrays.values())
        if seconds < _WORTH * size / _READ_RATE:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._make_room(size):
                with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
                    try:
                        np.savez(file, **arrays)
                        file.flush()
                        os.utime(file.name, (self._clock(), self._clock()))
                        Path(file.name).replace(path)
                    except BaseException:  # whatever ended it, no part stays
                        Path(file.name).unlink(missing_ok=True)
                        raise
        except OSError as error:
            warnings.warn(f"a reference cannot be kept in {self._folder}: {error}", stacklevel=2)

    def _make_room(self, size: int) -> bool:
        """Whether `size` bytes more fit, once what may go is gone: first that of other sources, then by last use."""
        files = list(self._files())
        held = sum(status.st_size for _, status in files)
        for path, status in sorted(files, key=lambda file: (file[0].parent == self._folder, file[1].st_mtime)):
            fresh = path.parent == self._folder and status.st_mtime >= self._clock() - _FRESH
            if held + size <= self._room or fresh:
                break
            path.unlink(missing_ok=True)  # another worker may have been first
            held -= status.st_size
        return held + size <= self._room

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._whole.glob("*/*"):
            try:
                yield path, path.stat()
            except FileNotFoundError:  # another worker took it away
                continue


def digest_of(case: Case) -> str:
    """Names all of a case that its reference may depend on."""
    digest = hashlib.sha256()
    facts = (_FORMAT, np.__version__, case.op, case.dtype, sorted(case.attributes.items()), case.output_shape)
    digest.update(repr((*facts, case.output_dtype, sorted(case.quantization.items()))).encode())
    for name, tensor in sorted(case.tensors.items()):
        digest.update(repr((name, tensor.dtype.str, tensor.shape)).encode())
        digest.update(np.ascontiguousarray(tensor).data.cast("B") if tensor.size else b"")
    return digest.hexdigest()


@cache
def source_digest() -> str:
    """Of the text of all that computes references and makes tolerances."""
    digest = hashlib.sha256()
    for package in _SOURCES:
        for file in sorted(resources.files(package).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                digest.update(f"{package} {file.name} ".encode() + file.read_bytes())
    return digest.hexdigest()


def _room() -> int:
    text = os.environ.get(ROOM, str(_DEFAULT_ROOM))
    if not text.isdecimal():
        raise UserError(f"{ROOM}: expected a number of megabytes, such as {_DEFAULT_ROOM}, found {text!r}")
    return int(text) << 20


def _to_arrays(expected: Expected) -> dict[str, Any] | None:
    """None for a tolerance that is not known here."""
    rule = type(expected.tolerance).__name__
    if _RULES.get(rule) is not type(expected.tolerance):
        return None
    scalars: dict[str, Any] = {}
    arrays: dict[str, Any] = {"values": expected.values}
    for field in fields(_RULES[rule]):
        value = getattr(expected.tolerance, field.name)
        if isinstance(value, np.ndarray):
            # What is allowed is known to a few per cent: half the bytes hold it, but for the very large and small.
            with np.errstate(over="ignore", under="ignore"):
                narrow = value.astype(np.float32)
            arrays[f"rule_{field.name}"] = narrow if np.allclose(narrow, value, rtol=1e-5, atol=0) else value
        elif value is None or isinstance(value, int | float | str):
            scalars[field.name] = value
        else:
            return None
    return {**arrays, "rule": np.array(json.dumps([rule, scalars]))}


def _from_arrays(arrays: dict[str, Any]) -> Expected:
    rule, scalars = json.loads(str(arrays.pop("rule")))
    parts = {name.removeprefix("rule_"): array.astype(np.float64) for name, array in arrays.items() if name != "values"}
    return Expected(arrays["values"], _RULES[rule](**scalars, **parts))
