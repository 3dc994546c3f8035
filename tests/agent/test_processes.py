"""Buffers, handles, timing and the life of processes."""

import os
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from ontarget.harness.agent.session import AgentSession, DuetPlan
from ontarget.harness.errors import (
    BadPrototype,
    Crashed,
    DeviceFull,
    MissingSymbol,
    ProductError,
    TimedOut,
    UnexpectedReturn,
)
from support.agents import deploy, spawn
from support.culprit import PROTOTYPES
from support.waiting import eventually

DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=40))
    ),
    padding=st.integers(0, 9000),
    misalignment=st.integers(0, 130),
)
def test_buffers_come_back_as_they_were_sent(
    session: AgentSession, culprit: Path, array: NDArray[np.generic], padding: int, misalignment: int
) -> None:
    process = spawn(session, culprit)
    buffer = process.buffer(array, padding=padding, misalignment=misalignment)
    assert int(process.call(PROTOTYPES, "address", buffer) or 0) % 64 == misalignment % 64
    found = process.read(buffer)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    process.close()


def test_large_buffers_cross_frames(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    content = np.random.default_rng(1).integers(0, 256, 5_000_001, dtype=np.uint8)
    buffer = process.buffer(content)
    assert np.array_equal(process.read(buffer), content)
    process.call(PROTOTYPES, "scribble", buffer, content.size)
    assert (process.read(buffer) == 0xAB).all()
    process.reset(buffer)
    assert np.array_equal(process.read(buffer), content)
    process.close()


def test_what_one_process_writes_no_other_sees(session: AgentSession, culprit: Path) -> None:
    content = np.arange(10_000, dtype="u1")
    first, second = spawn(session, culprit), spawn(session, culprit, "baseline")
    mine, theirs = first.buffer(content), second.buffer(content)
    first.call(PROTOTYPES, "scribble", mine, content.size)
    assert np.array_equal(second.read(theirs), content)
    assert np.array_equal(first.read(first.buffer(content)), content)


def test_padding_and_guard(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    page = session.hello.page_size
    buffer = process.buffer(np.zeros(page, "u1"), padding=16)
    process.call(PROTOTYPES, "scribble", buffer, page + 16)
    with pytest.raises(Crashed, match="SIGSEGV"):
        process.call(PROTOTYPES, "scribble", buffer, 2 * page + 1)


def test_strided_and_big_endian_arrays(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    strided = np.arange(20, dtype="i4").reshape(4, 5)[::2, ::-1]
    assert process.read(process.buffer(strided)).tolist() == strided.tolist()
    assert process.read(process.buffer(strided.astype(">i4"))).tolist() == strided.tolist()


def test_handles_are_passed_on_without_waiting(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    handle = process.cell()
    process.send(PROTOTYPES, "make", 4321, handle, returns=0)
    assert process.call(PROTOTYPES, "get", handle.value) == 4321
    assert int(process.read(handle)) != 0
    process.close()


def test_bound_calls_run_often_and_know_their_buffers(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    x = np.arange(5, dtype="f4")
    out = process.buffer(5, "f4")
    bound = process.bind(PROTOTYPES, "twice", 5, x, out).naming(output=out)
    process.run(bound)
    process.run(bound)
    assert process.read(bound.buffers["y"]).tolist() == (2 * x).tolist()
    assert bound.buffers["output"] is out
    assert process.read(bound.buffers["x"]).tolist() == x.tolist()
    samples = process.time(bound, samples=7, calls_per_sample=3, warmup_calls=2)
    assert samples.shape == (7,)
    assert samples.dtype == np.int64
    assert (samples >= 0).all()
    process.close()


def test_time_of_many_samples_and_of_a_call_that_fails(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    assert process.time(process.bind(PROTOTYPES, "fine"), samples=200_000).shape == (200_000,)
    with pytest.raises(UnexpectedReturn):
        process.time(process.bind(PROTOTYPES, "fine", returns=8), samples=3)
    with pytest.raises(TimedOut):
        process.time(process.bind(PROTOTYPES, "busy", 20_000), samples=1000, deadline=0.2)


def test_arguments_that_do_not_fit(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    other = spawn(session, culprit, "baseline")
    for arguments in [(5,), (1, 2, 3), (1 << 31, 0), ("1", 2), (1.5, 2), (None, 2), (np.zeros(3), 2)]:
        with pytest.raises(BadPrototype):
            process.call(PROTOTYPES, "add", *arguments)
    with pytest.raises(BadPrototype, match="float64"):
        process.call(PROTOTYPES, "twice", 1, np.zeros(1, "f8"), process.buffer(1, "f4"))
    with pytest.raises(BadPrototype, match="float64"):
        process.call(PROTOTYPES, "twice", 1, np.zeros(1, "f4"), process.buffer(1, "f8"))
    with pytest.raises(BadPrototype, match="baseline"):
        process.call(PROTOTYPES, "address", other.buffer(1, "u1"))
    with pytest.raises(BadPrototype, match="cell"):
        process.call(PROTOTYPES, "get", process.buffer(1, "i4").value)
    assert process.call(PROTOTYPES, "add", np.int32(-3), np.uint8(5)) == 2


def test_missing_function_of_a_bound_call_is_told_when_it_is_run(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    bound = process.bind(PROTOTYPES, "not_there")
    with pytest.raises(MissingSymbol, match="not_there"):
        process.run(bound)
    assert process.call(PROTOTYPES, "fine") == 7


def test_environment_cores_user_and_memory(session: AgentSession, culprit: Path) -> None:
    process = session.spawn(
        deploy(session, culprit), environment={"ONTARGET_TEST": "a=b c"}, cores=[0], label="candidate"
    )
    name = process.buffer(np.frombuffer(b"ONTARGET_TEST\0", "u1"))
    assert process.call(PROTOTYPES, "variable", name)
    assert process.memory() > 100_000
    if os.geteuid() == 0:
        assert int(process.call(PROTOTYPES, "user") or 0) >= 1879048192
    (worker,) = children(session)
    assert worker.cpu_affinity() == [0]


def children(session: AgentSession) -> list[psutil.Process]:
    """The worker processes of a session's agent: those of this test process's children that serve its root."""
    agents = [child for child in psutil.Process().children() if session.root in child.cmdline()]
    return [worker for agent in agents for worker in agent.children()]


def test_closed_process_leaves_nothing_behind(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    assert process.call(PROTOTYPES, "leave_child") == 1
    workers = children(session)
    eventually(lambda: len(children(session)) == 2, "the grandchild is handed to the agent")
    process.close()
    eventually(lambda: not children(session), "all of the process's descendants are gone")
    assert not any(worker.is_running() for worker in workers)


def test_closed_session_leaves_nothing_behind(session: AgentSession, culprit: Path) -> None:
    processes = [spawn(session, culprit, label) for label in ("candidate", "baseline")]
    for process in processes:
        process.call(PROTOTYPES, "leave_child")
        process.send(PROTOTYPES, "hang", deadline=600)
    assert [process.label for process in processes] == ["candidate", "baseline"]
    workers = children(session)
    assert len(workers) >= 2
    session.close()
    eventually(lambda: not any(alive(worker) for worker in workers), "all processes of the session are gone")
    session.close()
    processes[0].close()


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def plan(bursts: int, first: int = 0, *, samples: int = 2, deadline: float = 30.0) -> DuetPlan:
    return DuetPlan(bursts, samples, 1, discard=1, warmup_calls=1, first=first, deadline=deadline)


def test_duet_of_two_processes(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    first, second = spawn(session_of_abi, culprit_of_abi), spawn(session_of_abi, culprit_of_abi, "baseline")
    slow, fast = first.bind(PROTOTYPES, "busy", 3000), second.bind(PROTOTYPES, "busy", 30)
    for who in (0, 1):
        mine, theirs = session_of_abi.duet(slow, fast, plan(6, who, samples=3))
        assert mine.shape == theirs.shape == (6, 3)
        assert (mine >= 3_000_000).all()
        assert (theirs >= 30_000).all()
        assert np.median(theirs) < 3_000_000
    first.run(slow)
    second.run(fast)
    first.close()
    second.close()


def test_idle_side_is_stopped(session: AgentSession, culprit: Path) -> None:
    """Both have a thread that never rests; at each of its calls a side notes what the other's threads do."""
    sides = [spawn(session, culprit), spawn(session, culprit, "baseline")]
    logs = []
    for process, other in zip(sides, reversed(sides), strict=True):
        logs.append(process.buffer(64, "u1"))
        process.call(PROTOTYPES, "watch", other.call(PROTOTYPES, "number"), logs[-1], 64)
        process.call(PROTOTYPES, "start_spinning")
    first, second = (process.bind(PROTOTYPES, "note") for process in sides)
    session.duet(first, second, DuetPlan(6, 2, 1, discard=1, warmup_calls=2, first=1, deadline=30))
    for process, log in zip(sides, logs, strict=True):
        threads, stopped = process.read(log).reshape(-1, 2).T
        assert threads[:20].tolist() == [2] * 20
        assert stopped[:20].tolist() == [2] * 20
    # Afterwards both run again.
    sides[0].run(first)
    assert sides[0].read(logs[0])[41] < 2
    sides[1].run(second)


def test_side_that_fails_is_named(session: AgentSession, culprit: Path) -> None:
    for function, error in [("segv", Crashed), ("hang", TimedOut)]:
        first, second = spawn(session, culprit), spawn(session, culprit, "baseline")
        good, bad = first.bind(PROTOTYPES, "fine"), second.bind(PROTOTYPES, function)
        with pytest.raises(ProductError, match="baseline") as caught:
            session.duet(good, bad, plan(3, deadline=0.5))
        assert type(caught.value) is error
        assert caught.value.function == function
        assert first.call(PROTOTYPES, "fine") == 7
        first.close()
        second.close()


def test_array_that_is_larger_than_the_device(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    process.buffer(1 << 45, "u1")
    with pytest.raises(DeviceFull):
        process.flush()
    assert process.call(PROTOTYPES, "fine") == 7


def test_arrays_beyond_the_session_s_budget(session: AgentSession, culprit: Path) -> None:
    session.memory_budget = 3_000_000
    process = spawn(session, culprit)
    contents = [np.full(1_000_000, index, "u1") for index in range(8)]
    buffers = [process.buffer(content) for content in contents]
    again = [process.buffer(content) for content in contents]
    for content, *sent in zip(contents, buffers, again, strict=True):
        assert all(np.array_equal(process.read(buffer), content) for buffer in sent)


def test_more_arrays_than_a_program_has_open_files(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    buffers = [process.buffer(np.array([index])) for index in range(1500)]
    assert [int(process.read(buffer)[0]) for buffer in buffers[::100]] == list(range(0, 1500, 100))
