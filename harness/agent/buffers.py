"""Memory of a process on the device, as its host sees it."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Buffer:
    """Memory in one process on the device; `shape` and `dtype` are those of the array that `Process.read` returns.

    As an argument it passes its address, to any pointer parameter.
    """

    identity: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str | None
    label: str

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def value(self) -> "Loaded":
        """As an argument: the pointer or integer that the buffer holds when the call runs, without waiting for it."""
        return Loaded(self)


@dataclass(frozen=True, eq=False)
class Loaded:
    """The content of a cell as an argument."""

    buffer: Buffer
