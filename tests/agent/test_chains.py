"""Calls that follow each other on the device: what one writes is what the next reads, and nothing travels between."""

import numpy as np
import pytest

from ontarget.harness.abi import Abi
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.errors import BadPrototype, UnexpectedReturn
from support.agents import compile_library, spawn

STEPS = """
#include <stddef.h>
int add(size_t n, float a, const float *x, float *y) { for (size_t i = 0; i < n; i++) y[i] = x[i] + a; return 0; }
int fail(void) { return 3; }
int count(int *at) { ++*at; return 0; }
"""
ADD = "int add(size_t n, float a, const float *x, float *y);"
FAIL = "int fail(void);"
COUNT = "int count(int *at);"
N = 7


@pytest.fixture(scope="module")
def process(abi: Abi, session_of_abi: AgentSession, tmp_path_factory: pytest.TempPathFactory) -> Process:
    library = compile_library(STEPS, tmp_path_factory.mktemp("steps") / "libsteps.so", abi)
    return spawn(session_of_abi, library)


def added(process: Process, length: int) -> Bound:
    """1 + 2 + ... + length, each step on what the last one wrote."""
    last, steps = process.buffer(np.zeros(N, "f4")), {}
    for number in range(1, length + 1):
        handed, output = np.empty(N, "f4"), process.buffer(N, "f4")
        process.hand(handed, last)
        steps[f"step {number}"] = process.bind(ADD, "add", N, float(number), handed, output, returns=0)
        last = output
    return process.chain("sum", steps).naming(output=last)


def test_outputs_are_the_next_calls_inputs(process: Process) -> None:
    chain = added(process, 5)
    process.run(chain)
    assert process.read(chain.buffers["output"]).tolist() == [15.0] * N
    assert list(chain.steps) == [f"step {number}" for number in range(1, 6)]


def test_a_chain_is_timed_as_one_call_and_repeated_as_one(process: Process) -> None:
    at = process.buffer(np.zeros(1, "i4"), name="at")
    step = process.bind(COUNT, "count", at, returns=0)
    chain = process.chain("twice", {"first": step, "again": step})
    times = process.time(chain, samples=3, calls_per_sample=4, warmup_calls=1)
    assert times.shape == (3,)
    assert process.read(at)[0] == 2 * (1 + 3 * 4)


def test_chains_are_made_of_chains(process: Process) -> None:
    at = process.buffer(np.zeros(1, "i4"), name="at")
    step = process.bind(COUNT, "count", at, returns=0)
    pair = process.chain("pair", {"a": step, "b": step})
    process.run(process.chain("all", {"pair": pair, "one": step, "pair again": pair}))
    assert process.read(at)[0] == 5


def test_it_ends_at_the_first_step_that_fails(process: Process) -> None:
    at = process.buffer(np.zeros(1, "i4"), name="at")
    step, failing = process.bind(COUNT, "count", at, returns=0), process.bind(FAIL, "fail", returns=0)
    chain = process.chain("broken", {"before": step, "fails": failing, "after": step})
    with pytest.raises(UnexpectedReturn, match=r"broken, step 2, .* returned 3"):
        process.run(chain)
    with pytest.raises(UnexpectedReturn, match=r"broken, step 2, .* returned 3"):
        process.time(chain, samples=2, calls_per_sample=2)
    assert process.read(at)[0] == 2


def test_what_steps_made_is_freed_the_last_first(process: Process) -> None:
    values = process.buffer(np.zeros(1, "f4"), name="values")
    nothing = process.bind(COUNT, "count", process.buffer(np.zeros(1, "i4")), returns=0)
    undo = [process.bind(ADD, "add", 1, 1.0, values, values), process.bind(ADD, "add", 1, 2.0, values, values)]
    chain = process.chain("made", {"a": nothing.undone_by(undo[0]), "b": nothing.undone_by(undo[1])})
    assert chain.cleanup is not None
    process.run(chain.cleanup)
    assert process.read(values)[0] == 3.0


def test_a_part_of_a_buffer_is_an_argument(process: Process) -> None:
    x, y = process.buffer(np.arange(N, dtype="f4")), process.buffer(N, "f4")
    process.call(ADD, "add", 2, 10.0, x.at(3), y.at(5), returns=0)
    assert process.read(y).tolist() == [0, 0, 0, 0, 0, 13, 14]
    with pytest.raises(BadPrototype, match="has 7 elements, and no 8"):
        x.at(N + 1)


@pytest.mark.parametrize(
    ("array", "message"),
    [(np.empty(N, "f8"), "float64"), (np.empty(N + 1, "f4"), r"\[8\]")],
    ids=["other type", "other size"],
)
def test_only_what_fits_is_handed_on(
    process: Process, array: np.ndarray[tuple[int], np.dtype[np.float64]], message: str
) -> None:
    with pytest.raises(BadPrototype, match=f"cannot be handed on as .*{message}"):
        process.hand(array, process.buffer(N, "f4"))


def test_padding_that_an_output_has_not_is_not_promised(process: Process) -> None:
    handed = np.empty(N, "f4")
    process.hand(handed, process.buffer(N, "f4", padding=4))
    assert process.buffer(handed, padding=4).size == 4 * N
    with pytest.raises(BadPrototype, match="handed on with 4 bytes of padding, and 16"):
        process.buffer(handed, padding=16)


def test_a_chain_of_nothing_is_refused(process: Process) -> None:
    with pytest.raises(BadPrototype, match="1 to 4096"):
        process.chain("empty", {})
