"""Over SSH on a virtual board: any C function can be called, and nothing that one does takes the board along."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ontarget.device_farm.boards import Board
from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import AgentSession, Fence
from ontarget.harness.errors import Crashed, Exited, OutOfMemory, TimedOut
from support import culprit as culprit_library
from support.agents import compile_library, spawn
from support.boards import connected, said
from support.culprit import PROTOTYPES, goes_on
from support.functions import Batch, batches, check, source_of


@pytest.fixture(scope="module")
def board(shared_board: Callable[[str], Board]) -> Board:
    return shared_board("virtual-cortex-a53")


@pytest.fixture(scope="module")
def on_board(board: Board) -> Iterator[AgentSession]:
    """An agent on the board, the same for all tests of this module."""
    with connected(board) as transport:
        session = AgentSession.start(
            transport, device=board.name, root="/tmp/ontarget-agent-tests", fence=Fence("agent tests", 1)
        )
        session.slowness = 20.0  # its clock counts instructions
        yield session
        session.close()


@pytest.fixture(scope="module")
def culprit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(culprit_library.SOURCE, tmp_path_factory.mktemp("culprit") / "libculprit.so", Abi.AARCH64)


# No shrinking: an example is a compiled library, and its failing function is named.
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(batch=batches())
def test_arguments_of_every_kind_and_number_arrive(
    batch: Batch, on_board: AgentSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("functions")
    process = spawn(on_board, compile_library(source_of(batch), folder / "libfunctions.so", Abi.AARCH64))
    for index, function in enumerate(batch):
        check(process, index, function)
    process.close()


@pytest.mark.parametrize(
    ("function", "signal"),
    [("segv", "SIGSEGV"), ("ill", "SIGILL"), ("fpe", "SIGFPE"), ("stop", "SIGABRT"), ("bus", "SIGBUS")],
)
def test_crash_names_signal_function_frame_and_device(
    on_board: AgentSession, culprit: Path, function: str, signal: str
) -> None:
    process = spawn(on_board, culprit)
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, function)
    error = caught.value
    assert type(error) is Crashed
    assert (error.signal, error.function, error.device) == (signal, function, on_board.device)
    assert str(error).startswith(f"{on_board.device}: {function} in process candidate crashed by {signal}")
    assert error.frame is not None
    assert error.frame.startswith("libculprit.so+0x")
    assert f"({function})" in error.frame
    goes_on(on_board, culprit)


def test_hang_ends_at_its_deadline(on_board: AgentSession, culprit: Path) -> None:
    process = spawn(on_board, culprit)
    with pytest.raises(TimedOut) as caught:
        process.call(PROTOTYPES, "hang", deadline=0.3)
    assert (caught.value.function, caught.value.deadline, caught.value.device) == ("hang", 0.3, on_board.device)
    goes_on(on_board, culprit)


def test_exit_has_its_status_and_words(on_board: AgentSession, culprit: Path) -> None:
    process = spawn(on_board, culprit)
    with pytest.raises(Exited, match="no licence") as caught:
        process.call(PROTOTYPES, "leave", 3)
    assert (caught.value.function, caught.value.status, caught.value.device) == ("leave", 3, on_board.device)
    goes_on(on_board, culprit)


def test_memory_of_the_board_runs_out(board: Board, on_board: AgentSession, culprit: Path) -> None:
    """The kernel ends the process that took it all, and nothing else: not its neighbour, the agent or SSH."""
    process, other = spawn(on_board, culprit), spawn(on_board, culprit, "baseline")
    with pytest.raises(OutOfMemory, match=r"the kernel ended 1 process\(es\) for want of memory") as caught:
        process.call(PROTOTYPES, "devour", deadline=60)
    assert (caught.value.signal, caught.value.function) == ("SIGKILL", "devour")
    assert caught.value.device == on_board.device
    assert other.call(PROTOTYPES, "fine") == 7
    other.close()
    goes_on(on_board, culprit)
    assert said(board, "uname", "-m") == "aarch64\n"
