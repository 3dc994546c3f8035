"""A call as the agent takes it: CALL's payload, from a prototype and its arguments."""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ontarget.harness.abi import Abi
from ontarget.harness.agent.frames import text
from ontarget.harness.agent.layout import integer, lay_out
from ontarget.harness.agent.prototypes import Prototype, Scalar
from ontarget.harness.errors import BadPrototype

_SLOT = struct.Struct("<BBHIQ")


def encode_call(prototype: Prototype, arguments: Sequence[Any], abi: Abi, returns: int | None = None) -> bytes:
    """CALL's payload (see `frames`). Raises BadPrototype for arguments, or a `returns`, that do not fit."""
    slots, stack_words = lay_out(prototype, arguments, abi)
    packed = [_SLOT.pack(slot.place, slot.kind, slot.number, slot.buffer, slot.value) for slot in slots]
    return _head(prototype, abi, returns, stack_words, len(slots)) + b"".join(packed)


@lru_cache(maxsize=1024, typed=True)
def _head(prototype: Prototype, abi: Abi, returns: int | None, stack_words: int, slots: int) -> bytes:
    """What is before the slots: the same for most calls of a function."""
    whole = integer(prototype.returns, abi)
    if returns is not None:
        if whole is None:
            raise BadPrototype(f"{prototype.function} returns `{prototype.returns}`: only an integer can be expected")
        low, high = whole.range
        if not low <= returns <= high:
            raise BadPrototype(f"{prototype.function} can't return {returns}: it is outside {low} to {high} on {abi}")
    in_float = prototype.returns in (Scalar.FLOAT, Scalar.DOUBLE)
    head = struct.pack(
        "<BBBQHH",
        in_float,
        returns is not None,
        whole.size if whole else 8,
        (returns or 0) & 0xFFFFFFFFFFFFFFFF,
        stack_words,
        slots,
    )
    return text(prototype.function) + head


@lru_cache(maxsize=1024)
def result_bits(prototype: Prototype, abi: Abi) -> int:
    """Bits of the integer that the function returns, negative if it has no sign, 0 if it returns none."""
    whole = integer(prototype.returns, abi)
    return 0 if whole is None else 8 * whole.size if whole.signed else -8 * whole.size
