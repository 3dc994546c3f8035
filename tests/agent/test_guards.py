"""Buffers between pages that may not be touched: what strays from its memory is caught, and named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ontarget.harness.agent.buffers import STRICT, Buffer, Guard, Placing
from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.errors import BadPrototype, Crashed
from support.agents import compile_library, deploy

PROTOTYPES = """
int peek(const void *memory, int64_t place);
void poke(void *memory, int64_t place, int value);
size_t address(const void *memory);
"""
SOURCE = """
#include <stdint.h>
#include <stddef.h>
int peek(const void *memory, int64_t place) { return ((const volatile uint8_t *)memory)[place]; }
void poke(void *memory, int64_t place, int value) { ((volatile uint8_t *)memory)[place] = (uint8_t)value; }
size_t address(const void *memory) { return (size_t)memory; }
"""
Launch = Callable[[], Process]


@pytest.fixture
def launch(session: AgentSession, tmp_path: Path) -> Launch:
    path = deploy(session, compile_library(SOURCE, tmp_path / "libpeek.so"))
    return lambda: session.spawn(path, label="candidate")


def peek(process: Process, buffer: Buffer, place: int) -> int:
    return int(process.call(PROTOTYPES, "peek", buffer, place) or 0)


def test_the_last_byte_of_the_padding_may_be_read_and_the_next_one_not(launch: Launch) -> None:
    process = launch()
    x = process.buffer(np.arange(100, dtype="u1"), name="x", padding=16, guard="end")
    assert peek(process, x, 99) == 99
    assert [peek(process, x, place) for place in (100, 115)] == [0, 0]
    with pytest.raises(Crashed, match=r"SIGSEGV .* 16 bytes past the end of x, whose padding is 16 bytes"):
        peek(process, x, 116)


def test_the_byte_before_a_buffer_that_is_not_told_may_not_be_read(launch: Launch) -> None:
    process = launch()
    x = process.buffer(np.arange(100, dtype="u1"), name="x")
    assert peek(process, x, 0) == 0
    with pytest.raises(Crashed, match="1 bytes before the start of x"):
        peek(process, x, -1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 9000),
    padding=st.integers(0, 5000),
    shift=st.one_of(st.none(), st.integers(0, 100)),
    alignment=st.one_of(st.none(), st.sampled_from([1, 4, 64, 4096])),
)
def test_wherever_it_ends_it_is_aligned_as_asked_and_as_near_to_its_guard_as_that_allows(
    launch: Launch, session: AgentSession, size: int, padding: int, shift: int | None, alignment: int | None
) -> None:
    process = launch()
    content = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    buffer = process.buffer(content, padding=padding, misalignment=shift, guard="end", alignment=alignment)
    start = int(process.call(PROTOTYPES, "address", buffer) or 0)
    step = alignment or (64 if shift else 1)
    assert (start - (shift or 0)) % step == 0
    past = start + size + padding
    assert -past % session.hello.page_size < step
    assert np.array_equal(process.read(buffer), content)
    process.close()


@pytest.mark.parametrize("guard", ["start", "end"])
def test_what_is_written_around_a_buffer_is_told(launch: Launch, guard: Guard) -> None:
    process = launch()
    y = process.buffer(np.zeros(100, "u1"), name="y", padding=32, guard=guard, alignment=64)
    assert process.strays() == ""
    process.call(PROTOTYPES, "poke", y, 99, 7)
    assert process.strays() == ""
    process.call(PROTOTYPES, "poke", y, 102, 7)
    process.call(PROTOTYPES, "poke", y, 103, 7)
    assert process.strays() == "2 bytes past the end of y were written (the nearest 3 from it)"
    if guard == "end":  # else the page before is out of reach
        process.call(PROTOTYPES, "poke", y, -2, 7)
        assert process.strays().startswith("1 bytes before the start of y were written (the nearest 2 from it); 2 by")


def test_a_process_places_all_buffers_that_are_not_told_otherwise(launch: Launch) -> None:
    process = launch()
    process.placing = Placing("end", skewed=True, fill=0xA5)
    x, out = process.buffer(np.arange(3, dtype="f4")), process.buffer(5, "f4")
    assert [int(process.call(PROTOTYPES, "address", buffer) or 0) % 64 for buffer in (x, out)] == [4, 4]
    assert process.read(out).tobytes() == b"\xa5" * 20
    assert peek(process, x, 12) == 0xA5
    process.call(PROTOTYPES, "poke", out, 0, 1)
    process.reset(out)
    assert process.read(out).tobytes() == b"\xa5" * 20
    assert process.strays() == ""
    assert int(process.read(process.cell())) == 0


def test_what_is_computed_of_one_buffers_padding_shows_in_anothers(launch: Launch) -> None:
    process = launch()
    process.placing = STRICT
    x, y = process.buffer(np.zeros(4, "u1"), padding=4), process.buffer(4, "u1", name="y", padding=4)
    process.call(PROTOTYPES, "poke", y, 4, peek(process, x, 4))
    assert process.strays() == "1 bytes past the end of y were written (the nearest 1 from it)"


def test_a_part_of_a_shared_array_may_end_at_a_guard_too(launch: Launch) -> None:
    process = launch()
    process.placing = STRICT
    whole = np.random.default_rng(0).integers(0, 255, 100_000, dtype=np.uint8)
    whole.flags.writeable = False
    part = whole[65536:70000]
    buffer = process.buffer(part, name="part", padding=16)
    assert np.array_equal(process.read(buffer), part)
    assert peek(process, buffer, part.size + 15) == 0xFF
    with pytest.raises(Crashed, match="past the end of part"):
        peek(process, buffer, part.size + 16)


def test_a_buffer_of_nothing_is_all_guard(launch: Launch) -> None:
    process = launch()
    nothing = process.buffer((0, 3), "f4", name="nothing", guard="end")
    assert process.read(nothing).shape == (0, 3)
    with pytest.raises(Crashed, match="past the end of nothing"):
        peek(process, nothing, 0)


@pytest.mark.parametrize(
    ("words", "message"), [({"alignment": 3}, "power of two"), ({"guard": "both"}, "start or end")]
)
def test_what_no_buffer_can_be_is_refused(launch: Launch, words: dict[str, int | str], message: str) -> None:
    options: dict[str, object] = dict(words)
    with pytest.raises(BadPrototype, match=message):
        launch().buffer(4, "f4", **options)  # type: ignore[arg-type]  # it is wrong on purpose
