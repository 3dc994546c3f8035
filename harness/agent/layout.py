"""Where a function's arguments go: registers and stack words of each ABI. Pure, and ignorant of the device.

Sources: System V ABI for x86-64, 3.2.3; AAPCS64, 6.8 (B and C); AAPCS32, 6.5 and 7.1 (VFP, with back-filling).
"""

import operator
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from math import isinf
from typing import Any, NamedTuple

import numpy as np

from ontarget.harness.abi import Abi
from ontarget.harness.agent.buffers import Buffer, Inside, Loaded
from ontarget.harness.agent.frames import Kind, Place
from ontarget.harness.agent.prototypes import CType, Parameter, Pointer, Prototype, Scalar
from ontarget.harness.errors import BadPrototype, UnsupportedPrototype

MOST_STACK_WORDS = 128

_SIGNED = {Scalar.SCHAR: 1, Scalar.SHORT: 2, Scalar.INT: 4, Scalar.LLONG: 8}
_FLOATS: dict[CType, int] = {Scalar.FLOAT: 4, Scalar.DOUBLE: 8}
_UNSIGNED = {Scalar.UCHAR: 1, Scalar.USHORT: 2, Scalar.UINT: 4, Scalar.ULLONG: 8, Scalar.BOOL: 1}


class Slot(NamedTuple):
    """One register or stack word, and what goes there."""

    place: Place
    number: int  # of the register, or of the word on the stack
    kind: Kind
    value: int
    buffer: int = 0


@dataclass(frozen=True)
class Integer:
    """The size in bytes and the sign of an integer type on one ABI; a pointer is one without a sign."""

    size: int
    signed: bool

    @cached_property
    def range(self) -> tuple[int, int]:
        bits = 8 * self.size
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else (0, (1 << bits) - 1)

    def narrow(self, word: int) -> int:
        """The value that a register's bits mean."""
        value = word & ((1 << 8 * self.size) - 1)
        return value - (1 << 8 * self.size) if self.signed and value >> 8 * self.size - 1 else value


@cache
def integer(ctype: CType, abi: Abi) -> Integer | None:
    """How a type is an integer on an ABI; None for float, double and void."""
    if isinstance(ctype, Pointer):
        return Integer(abi.pointer_size, signed=False)
    if ctype in (Scalar.LONG, Scalar.ULONG):
        return Integer(abi.long_size, signed=ctype is Scalar.LONG)
    if ctype is Scalar.CHAR:
        return Integer(1, signed=abi.char_is_signed)
    if ctype in _SIGNED:
        return Integer(_SIGNED[ctype], signed=True)
    if ctype in _UNSIGNED:
        return Integer(_UNSIGNED[ctype], signed=False)
    return None


def size_of(ctype: CType, abi: Abi) -> int:
    """Bytes of a value of the type."""
    found = integer(ctype, abi)
    return found.size if found else _FLOATS.get(ctype, 0)


class Value(NamedTuple):
    """An argument as bits: `kind` and `buffer` as in a slot, `value` of 8 bytes."""

    kind: Kind
    value: int
    buffer: int = 0


def _float_bits(parameter: Parameter, argument: float) -> int:
    form = "<f" if parameter.type is Scalar.FLOAT else "<d"
    try:
        packed = struct.pack(form, argument)
    except OverflowError:
        raise BadPrototype(f"{parameter.name}={argument!r} is beyond a float's range") from None
    if isinf(struct.unpack(form, packed)[0]) and not isinf(argument):
        raise BadPrototype(f"{parameter.name}={argument!r} is beyond a float's range")
    return int.from_bytes(packed, "little")


def _where(parameter: Parameter) -> str:
    return f"{parameter.name} ({parameter.type})"


def _float(parameter: Parameter, argument: Any) -> float:
    if isinstance(argument, str | bytes) or np.ndim(argument) > 0:
        raise BadPrototype(f"{_where(parameter)} was given {argument!r}, which is no number")
    try:
        return float(argument)
    except (TypeError, ValueError):
        raise BadPrototype(f"{_where(parameter)} was given {argument!r}, which is no number") from None


def _index(parameter: Parameter, argument: Any) -> int:
    if isinstance(argument, np.bool_):
        return int(argument)
    try:
        return operator.index(argument)
    except TypeError:
        raise BadPrototype(f"{_where(parameter)} was given {argument!r}, which is no integer") from None


def encode(parameter: Parameter, argument: Any, abi: Abi) -> Value:
    """One argument as bits. Raises BadPrototype if it does not fit the parameter."""
    whole = integer(parameter.type, abi)
    if isinstance(argument, Loaded):
        return Value(Kind.LOAD, 0, argument.buffer.identity)
    if isinstance(argument, Buffer | Inside):
        if not isinstance(parameter.type, Pointer):
            where = _where(parameter)
            raise BadPrototype(f"{where} was given a buffer, whose address only a pointer takes; its content is .value")
        if isinstance(argument, Inside):
            return Value(Kind.ADDRESS, argument.offset, argument.buffer.identity)
        return Value(Kind.ADDRESS, 0, argument.identity)
    if argument is None and isinstance(parameter.type, Pointer):
        return Value(Kind.IMMEDIATE, 0)
    if whole is None:
        return Value(Kind.IMMEDIATE, _float_bits(parameter, _float(parameter, argument)))
    number = _index(parameter, argument)
    low, high = (0, 1) if parameter.type is Scalar.BOOL else whole.range
    if not low <= number <= high:
        raise BadPrototype(f"{_where(parameter)} was given {number}, which is outside {low} to {high} on {abi}")
    return Value(Kind.IMMEDIATE, number & 0xFFFFFFFFFFFFFFFF)


class _Registers:
    """Gives out the slots of one call."""

    def __init__(self, general: int, floats: int) -> None:
        self.general = general
        self.floats = floats
        self.next_general = 0
        self.next_float = 0
        self.stack = 0

    def place_general(self) -> tuple[Place, int]:
        if self.next_general < self.general:
            self.next_general += 1
            return Place.GENERAL, self.next_general - 1
        return self.place_stack()

    def place_float(self) -> tuple[Place, int]:
        if self.next_float < self.floats:
            self.next_float += 1
            return Place.FLOAT, self.next_float - 1
        return self.place_stack()

    def place_stack(self) -> tuple[Place, int]:
        self.stack += 1
        return Place.STACK, self.stack - 1


@lru_cache(maxsize=1024)
def _places_64(prototype: Prototype, abi: Abi) -> tuple[tuple[tuple[Place, int], ...], int]:
    """x86-64 and AArch64: each argument is one word, and both kinds of registers are used in order."""
    registers = _Registers(6 if abi is Abi.X86_64 else 8, 8)
    places = tuple(
        registers.place_float() if parameter.type in (Scalar.FLOAT, Scalar.DOUBLE) else registers.place_general()
        for parameter in prototype.parameters
    )
    return places, registers.stack


def _lay_out_64(prototype: Prototype, values: Sequence[Value], abi: Abi) -> tuple[tuple[Slot, ...], int]:
    places, stack = _places_64(prototype, abi)
    pairs = zip(places, values, strict=True)
    return tuple(Slot(place, index, value.kind, value.value, value.buffer) for (place, index), value in pairs), stack


class _Arm32(_Registers):
    """AAPCS32 with VFP registers, as 32-bit words: s0 to s15, of which a double takes an even pair."""

    def __init__(self) -> None:
        super().__init__(general=4, floats=16)
        self.free_floats = list(range(16))

    def places(self, ctype: CType) -> list[tuple[Place, int]]:
        if ctype is Scalar.FLOAT:
            if self.free_floats:
                return [(Place.FLOAT, self.free_floats.pop(0))]  # back-fills what doubles left
            return [self.place_stack()]
        if ctype is Scalar.DOUBLE:
            for first in range(0, 16, 2):
                if first in self.free_floats and first + 1 in self.free_floats:
                    self.free_floats.remove(first)
                    self.free_floats.remove(first + 1)
                    return [(Place.FLOAT, first), (Place.FLOAT, first + 1)]
            self.free_floats.clear()  # once one is on the stack, no later one is in a register
            return self._stack_pair()
        if size_of(ctype, Abi.ARMHF) <= 4:
            return [self.place_general()]
        self.next_general += self.next_general % 2  # a 64-bit value starts at an even register
        if self.next_general < self.general:
            return [self.place_general(), self.place_general()]
        return self._stack_pair()

    def _stack_pair(self) -> list[tuple[Place, int]]:
        self.stack += self.stack % 2  # and at a multiple of 8 bytes
        return [self.place_stack(), self.place_stack()]


def _lay_out_32(prototype: Prototype, values: Sequence[Value]) -> tuple[tuple[Slot, ...], int]:
    registers = _Arm32()
    slots = []
    for parameter, value in zip(prototype.parameters, values, strict=True):
        for part, (place, index) in enumerate(registers.places(parameter.type)):
            if value.kind is Kind.IMMEDIATE:
                slots.append(Slot(place, index, value.kind, value.value >> 32 * part & 0xFFFFFFFF))
            else:
                slots.append(Slot(place, index, value.kind, value.value + 4 * part, value.buffer))
    return tuple(slots), registers.stack


def lay_out(prototype: Prototype, arguments: Sequence[Any], abi: Abi) -> tuple[tuple[Slot, ...], int]:
    """The slots of a call, and how many stack words they need.

    `arguments`: numbers, None, Buffer, Loaded. Raises BadPrototype for arguments that do not fit, in number or range,
    and UnsupportedPrototype for more stack words than the agent passes.
    """
    expected = len(prototype.parameters)
    if len(arguments) != expected:
        raise BadPrototype(f"{prototype.function} takes {expected} arguments, and was given {len(arguments)}")
    values = []
    for parameter, argument in zip(prototype.parameters, arguments, strict=True):
        try:
            values.append(encode(parameter, argument, abi))
        except BadPrototype as error:
            raise BadPrototype(f"{prototype.function}: {error}") from None
    slots, stack = _lay_out_32(prototype, values) if abi.pointer_size == 4 else _lay_out_64(prototype, values, abi)
    if stack > MOST_STACK_WORDS:
        raise UnsupportedPrototype(
            f"{prototype.function} needs {stack} words on the stack; at most {MOST_STACK_WORDS} are passed"
        )
    return slots, stack


def result(prototype: Prototype, word: int, abi: Abi) -> int | float | None:
    """What the bits of the result register mean for the prototype."""
    whole = integer(prototype.returns, abi)
    if whole is not None:
        return whole.narrow(word)
    if prototype.returns is Scalar.FLOAT:
        return float(struct.unpack("<f", struct.pack("<I", word & 0xFFFFFFFF))[0])
    if prototype.returns is Scalar.DOUBLE:
        return float(struct.unpack("<d", struct.pack("<Q", word))[0])
    return None
