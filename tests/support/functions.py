"""C functions of all kinds of arguments, which tell what they were given."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from ontarget.harness.agent.process import Process

WORD = struct.Struct("<Q")
UNSIGNED = {"uint8_t": 8, "uint16_t": 16, "uint32_t": 32, "uint64_t": 64, "unsigned long long": 64}
SIGNED = {"int8_t": 8, "int16_t": 16, "int32_t": 32, "int64_t": 64, "short": 16, "signed char": 8, "int": 32}
POINTER = "const uint64_t *"

PRELUDE = """
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
static uint64_t seen[32];
void take(uint64_t *out) { memcpy(out, seen, sizeof seen); memset(seen, 0, sizeof seen); }
"""
TAKE = "void take(uint64_t *out);"


@dataclass(frozen=True)
class Argument:
    """A C type, the value to pass, and the 8 bytes that the function is to see."""

    ctype: str
    value: int | float | None
    seen: bytes


def integer_argument(ctype: str, bits: int, signed: bool) -> st.SearchStrategy[Argument]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(low, high).map(lambda value: Argument(ctype, value, WORD.pack(value & ((1 << bits) - 1))))


def float_argument(ctype: str, form: str, width: int) -> st.SearchStrategy[Argument]:
    assert width in (32, 64)
    values = st.floats(width=32) if width == 32 else st.floats(width=64)
    return values.map(lambda value: Argument(ctype, value, struct.pack(form, value).ljust(8, b"\0")))


arguments = st.one_of(
    *(integer_argument(ctype, bits, False) for ctype, bits in UNSIGNED.items()),
    *(integer_argument(ctype, bits, True) for ctype, bits in SIGNED.items()),
    st.booleans().map(lambda value: Argument("bool", value, WORD.pack(value))),
    float_argument("float", "<f", 32),
    float_argument("float", "<f", 32),
    float_argument("double", "<d", 64),
    float_argument("double", "<d", 64),
    # A pointer is passed as a buffer with this content, and the function sees what it points to.
    st.integers(0, (1 << 64) - 1).map(lambda value: Argument(POINTER, value, WORD.pack(value))),
    st.just(Argument(POINTER, None, WORD.pack(0xFEED))),
)


class Batch(list[list[Argument]]):
    """The arguments of many functions; too many to print."""

    def __repr__(self) -> str:
        return f"a batch of {len(self)} functions"


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Functions with 0 to 24 arguments, each number twice; a function returns its last argument."""
    return Batch(draw(st.lists(arguments, min_size=count, max_size=count)) for count in [*range(25), *range(25)])


def declaration(index: int, function: Sequence[Argument]) -> str:
    parameters = ", ".join(f"{argument.ctype} a{i}" for i, argument in enumerate(function)) or "void"
    return f"{returned(function)} f{index}({parameters})"


def returned(function: Sequence[Argument]) -> str:
    return function[-1].ctype if function and function[-1].ctype != POINTER else "void"


def definition(index: int, function: Sequence[Argument]) -> str:
    lines = [declaration(index, function) + " {"]
    for i, argument in enumerate(function):
        if argument.ctype == POINTER:
            lines.append(f"  seen[{i}] = a{i} ? *a{i} : 0xFEED;")
        else:
            lines.append(f"  memcpy(&seen[{i}], &a{i}, sizeof a{i});")
    if returned(function) != "void":
        lines.append(f"  return a{len(function) - 1};")
    return "\n".join([*lines, "}"])


def source_of(batch: Batch) -> str:
    """A library of all the functions, `f0`, `f1` and so on."""
    return PRELUDE + "\n".join(definition(index, function) for index, function in enumerate(batch))


def check(process: Process, index: int, function: Sequence[Argument]) -> None:
    """Call the function of this number: it must have seen its arguments, and return the last of them."""
    values = [
        process.buffer(np.array([argument.value], "u8"))
        if argument.ctype == POINTER and argument.value is not None
        else argument.value
        for argument in function
    ]
    result = process.call(declaration(index, function) + ";", f"f{index}", *values)
    out = process.buffer(32, "u8")
    process.call(TAKE, "take", out)
    found = process.read(out).tobytes()
    expected = b"".join(argument.seen for argument in function).ljust(256, b"\0")
    assert found == expected, declaration(index, function)
    if returned(function) == "void":
        assert result is None
    elif returned(function) in ("float", "double"):
        form = "<f" if returned(function) == "float" else "<d"
        assert isinstance(result, float)
        assert np.array_equal(struct.unpack(form, function[-1].seen[: struct.calcsize(form)]), [result], equal_nan=True)
    else:
        assert result == function[-1].value
