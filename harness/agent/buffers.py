"""Memory of a process on the device, as its host sees it."""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from ontarget.harness.abi import Abi
from ontarget.harness.agent.prototypes import Parameter, Pointer, Scalar
from ontarget.harness.errors import BadPrototype

CELL_SIZE = 8
CELL_KINDS = {
    "pointer": "u8",
    "int32": "i4",
    "uint32": "u4",
    "int64": "i8",
    "uint64": "u8",
    "float": "f4",
    "double": "f8",
}


Guard = Literal["start", "end"]


@dataclass(frozen=True)
class Placing:
    """Where a process puts buffers that are not told otherwise, and what surrounds them.

    Pages that may not be touched lie on both sides of a buffer's own; `guard` says which of them it adjoins: "start",
    it begins where its pages do, or "end", it ends there, its padding included. `skewed`: it begins one element after a
    multiple of 64 bytes. `fill` is the byte that all of its pages hold but for its content. Where it is not 0, buffers
    made by shape hold it, too, so that what a function leaves unwritten shows, and are surrounded by another byte, so
    that what is computed of an input's padding shows there. Cells hold zeros, and lie as ever.
    """

    guard: Guard = "start"
    skewed: bool = False
    fill: int = 0


# Bytes that are NaN in any float type: what a function reads there, or fails to write, shows in its result.
STRICT = Placing("end", fill=0xFF)


@dataclass(frozen=True, eq=False)
class Buffer:
    """Memory in one process on the device; `shape` and `dtype` are those of the array that `Process.read` returns.

    As an argument it passes its address, to any pointer parameter. `label` is that of its process.
    """

    identity: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str | None
    label: str
    is_cell: bool = False
    padding: int = 0  # bytes after its end that may be touched

    @property
    def size(self) -> int:
        """Bytes of the array that `Process.read` returns."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def value(self) -> "Loaded":
        """As an argument: the pointer or number that the cell holds when the call runs, without waiting for it."""
        if not self.is_cell:
            raise BadPrototype(f"buffer {self.name or self.identity} is no cell, which alone can pass its content on")
        return Loaded(self)

    def at(self, element: int) -> "Inside":
        """As an argument: the address of an element, counted from 0; that after the last one is its end.

        Raises BadPrototype for elements that the buffer has not.
        """
        if not 0 <= element <= prod(self.shape):
            raise BadPrototype(f"buffer {self.name or self.identity} has {prod(self.shape)} elements, and no {element}")
        return Inside(self, element * self.dtype.itemsize)


@dataclass(frozen=True, eq=False)
class Loaded:
    """The content of a cell as an argument."""

    buffer: Buffer


@dataclass(frozen=True, eq=False)
class Inside:
    """The address of a byte of a buffer as an argument."""

    buffer: Buffer
    offset: int


def check_dtype(parameter: Parameter, dtype: np.dtype[Any], abi: Abi) -> None:
    """Raise BadPrototype unless elements of `dtype` are what the pointer parameter points to."""
    from ontarget.harness.agent.layout import integer  # it needs this module's classes

    if not isinstance(parameter.type, Pointer):
        raise BadPrototype(f"{parameter.name} is `{parameter.type}`, and was given an array: only a pointer takes one")
    pointee = parameter.type.to
    if not isinstance(pointee, Scalar) or pointee is Scalar.VOID:
        return
    whole = integer(pointee, abi)
    if whole is None:
        fits = dtype == (np.dtype("<f4") if pointee is Scalar.FLOAT else np.dtype("<f8"))
    elif dtype.itemsize != whole.size:
        fits = False
    elif pointee is Scalar.CHAR:
        fits = True
    else:
        # Half-precision floats travel as 16-bit integers: C before C23 has no name for them.
        half = dtype.kind in "fV" and pointee is Scalar.USHORT
        fits = half or dtype.kind == ("i" if whole.signed else "u") or (dtype.kind == "b" and not whole.signed)
    if not fits:
        raise BadPrototype(f"{parameter.name} points to `{pointee}`, and was given elements of {dtype}")
