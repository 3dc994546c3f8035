"""Prototypes as C text, and where arguments go, ABI by ABI."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.abi import Abi
from ontarget.harness.agent.frames import Place
from ontarget.harness.agent.layout import lay_out
from ontarget.harness.agent.prototypes import Pointer, Scalar, parse
from ontarget.harness.errors import BadPrototype, UnsupportedPrototype

TYPES = """
/* Opaque handles, as kernel libraries have them. */
typedef struct context *context_t;   // one
enum status { ok, bad };
struct options;
struct pair { int a, b; };
typedef struct pair pair_t;
typedef void (*callback_t)(int);
"""


@pytest.mark.parametrize(
    ("declared", "parameter"),
    [
        ("void f(int a, struct pair by_value);", "by_value"),
        ("void f(pair_t by_value);", "by_value"),
        ("void f(int n, void (*done)(int));", "done"),
        ("void f(callback_t done);", "done"),
        ("void f(int (done)(void));", "done"),
        ("double f(long double wide);", "wide"),
        ("void f(_Complex double z);", "z"),
        ("struct pair f(void);", "result"),
        ("long double f(void);", "result"),
        ("int f(const char *format, ...);", "variadic"),
    ],
)
def test_what_can_not_be_passed_is_named(declared: str, parameter: str) -> None:
    with pytest.raises(UnsupportedPrototype, match=parameter):
        parse(TYPES + declared, "f")


@pytest.mark.parametrize(
    "text", ["void f(", "int", "#define A 1\nvoid f(int);", "void g(void);", "void f(unknown_t x);", "\0"]
)
def test_text_that_declares_no_such_function(text: str) -> None:
    with pytest.raises(BadPrototype):
        parse(text, "f")


def test_what_prototypes_may_contain() -> None:
    text = (
        TYPES
        + """
    enum status f(context_t context, const struct options *options, size_t count, const uint8_t dims[4],
                  enum status previous, unsigned long long int a, short unsigned b, signed c, bool flag,
                  void **out, float *restrict y, callback_t *table, long double *wide, int);
    """
    )
    found = parse(text, "f")
    assert found.returns is Scalar.INT
    assert [parameter.type for parameter in found.parameters] == [
        Pointer(None), Pointer(None), Scalar.ULONG, Pointer(Scalar.UCHAR), Scalar.INT, Scalar.ULLONG, Scalar.USHORT,
        Scalar.INT, Scalar.BOOL, Pointer(Pointer(Scalar.VOID)), Pointer(Scalar.FLOAT), Pointer(None), Pointer(None),
        Scalar.INT,
    ]  # fmt: skip
    assert found.parameters[-1].name == "argument13"
    assert parse("void f();", "f").parameters == parse("void f(void);", "f").parameters == ()


@given(st.text(max_size=60))
def test_any_text_is_a_prototype_or_bad(text: str) -> None:
    with suppress(BadPrototype):
        parse(text, "f")


def places(declared: str, arguments: Sequence[Any], abi: Abi) -> str:
    """The slots in short: g0 a general register, f0 a float register, s0 a stack word."""
    slots, _ = lay_out(parse(declared, "f"), arguments, abi)
    letters = {Place.GENERAL: "g", Place.FLOAT: "f", Place.STACK: "s"}
    return " ".join(f"{letters[slot.place]}{slot.number}" for slot in slots)


@pytest.mark.parametrize(
    ("abi", "declared", "expected"),
    [
        (Abi.X86_64, "void f(int, double, int, float);", "g0 f0 g1 f1"),
        (Abi.X86_64, "void f(int, int, int, int, int, int, int, int);", "g0 g1 g2 g3 g4 g5 s0 s1"),
        (Abi.AARCH64, "void f(int, int, int, int, int, int, int, int, char, float, short);",
         "g0 g1 g2 g3 g4 g5 g6 g7 s0 f0 s1"),
        # A 64-bit value starts at an even register, and the odd one stays unused.
        (Abi.ARMHF, "void f(int, long long, int);", "g0 g2 g3 s0"),
        (Abi.ARMHF, "void f(int, int, int, long long, int, long long);", "g0 g1 g2 s0 s1 s2 s4 s5"),
        # Back-filling: a float goes into the half that a double left.
        (Abi.ARMHF, "void f(float, double, float, float);", "f0 f2 f3 f1 f4"),
        # But once a double is on the stack, so are all floats after it.
        (Abi.ARMHF, "void f(" + "double, " * 7 + "float, double, float);",
         " ".join(f"f{i}" for i in range(15)) + " s0 s1 s2"),
    ],
)  # fmt: skip
def test_where_arguments_go(abi: Abi, declared: str, expected: str) -> None:
    count = len(parse(declared, "f").parameters)
    assert places(declared, [0] * count, abi) == expected


@pytest.mark.parametrize(
    ("ctype", "abi", "low", "high"),
    [
        ("bool", Abi.X86_64, 0, 1),
        ("char", Abi.X86_64, -128, 127),
        ("char", Abi.AARCH64, 0, 255),
        ("uint8_t", Abi.ARMHF, 0, 255),
        ("long", Abi.ARMHF, -(1 << 31), (1 << 31) - 1),
        ("long", Abi.AARCH64, -(1 << 63), (1 << 63) - 1),
        ("size_t", Abi.ARMHF, 0, (1 << 32) - 1),
        ("int64_t", Abi.ARMHF, -(1 << 63), (1 << 63) - 1),
        ("void *", Abi.ARMHF, 0, (1 << 32) - 1),
    ],
)
def test_integers_are_checked_against_the_device_s_types(ctype: str, abi: Abi, low: int, high: int) -> None:
    prototype = parse(f"void f({ctype} value);", "f")
    for value in (low, high):
        lay_out(prototype, [value], abi)
    for value in (low - 1, high + 1):
        with pytest.raises(BadPrototype, match="value"):
            lay_out(prototype, [value], abi)


def test_float_beyond_its_range() -> None:
    prototype = parse("void f(float value);", "f")
    lay_out(prototype, [float("inf")], Abi.X86_64)
    with pytest.raises(BadPrototype, match="range"):
        lay_out(prototype, [1e39], Abi.X86_64)
