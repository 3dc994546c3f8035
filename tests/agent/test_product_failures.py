"""What code under test can do to its process: each has an error of its own, and the device goes on."""

from pathlib import Path

import pytest

from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.errors import (
    AgentError,
    Crashed,
    Exited,
    MissingDependency,
    MissingFile,
    MissingSymbol,
    OutOfMemory,
    Skipped,
    TimedOut,
    UnexpectedReturn,
    WrongAbi,
)
from support.agents import compile_library, deploy, spawn
from support.culprit import PROTOTYPES, goes_on


@pytest.mark.parametrize(
    ("function", "signal"),
    [("segv", "SIGSEGV"), ("ill", "SIGILL"), ("fpe", "SIGFPE"), ("stop", "SIGABRT"), ("bus", "SIGBUS")],
)
def test_crash_names_signal_function_frame_and_device(
    session_of_abi: AgentSession, culprit_of_abi: Path, function: str, signal: str
) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, function)
    error = caught.value
    assert error.signal == signal
    assert error.function == function
    assert error.device == session_of_abi.device
    assert error.device in str(error)
    assert function in str(error)
    assert error.frame is not None
    assert error.frame.startswith("libculprit.so+0x")
    assert f"({function})" in error.frame
    goes_on(session_of_abi, culprit_of_abi)


def test_trap_of_the_compiler_has_its_frame(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, "trap")
    assert caught.value.signal in ("SIGILL", "SIGTRAP")  # by processor and compiler
    assert "(trap)" in (caught.value.frame or "")
    goes_on(session_of_abi, culprit_of_abi)


def test_segmentation_fault_has_its_address(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, "segv")
    assert caught.value.address == 0x18


def test_library_has_the_last_word(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    with pytest.raises(Crashed, match="assertion failed: rows > 0"):
        process.call(PROTOTYPES, "stop")


def test_crash_in_a_thread_of_the_library(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, "thread_segv")
    assert (caught.value.signal, caught.value.address) == ("SIGSEGV", 0x18)


@pytest.mark.parametrize("function", ["wild", "deep"])
def test_crash_with_no_stack_or_no_code_left(session: AgentSession, culprit: Path, function: str) -> None:
    process = spawn(session, culprit)
    arguments = [0] if function == "deep" else []
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, function, *arguments)
    assert caught.value.signal == "SIGSEGV"
    goes_on(session, culprit)


def test_division_by_zero(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, "divide")
    assert caught.value.signal == "SIGFPE"


def test_hang_ends_at_its_deadline(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    with pytest.raises(TimedOut) as caught:
        process.call(PROTOTYPES, "hang", deadline=0.3)
    assert caught.value.function == "hang"
    assert caught.value.deadline == 0.3
    assert caught.value.device == session_of_abi.device
    goes_on(session_of_abi, culprit_of_abi)


def test_exit_has_its_status_and_words(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    with pytest.raises(Exited, match="no licence") as caught:
        process.call(PROTOTYPES, "leave", 3)
    assert (caught.value.status, caught.value.function) == (3, "leave")
    goes_on(session_of_abi, culprit_of_abi)


def test_memory_limit_shows_in_how_the_library_ends(session: AgentSession, culprit: Path) -> None:
    process = session.spawn(deploy(session, culprit), label="candidate", memory_limit=1 << 28)
    with pytest.raises(Crashed, match="no memory for 1073741824 bytes") as caught:
        process.call(PROTOTYPES, "hoard", 1 << 30)
    assert caught.value.signal == "SIGABRT"
    goes_on(session, culprit)


def test_kill_that_nobody_of_ours_sent_is_told_as_want_of_memory(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    with pytest.raises(OutOfMemory) as caught:
        process.call(PROTOTYPES, "killed")
    assert caught.value.function == "killed"
    goes_on(session, culprit)


def test_pipelined_failure_is_raised_by_the_next_waiting_call(session: AgentSession, culprit: Path) -> None:
    process = spawn(session, culprit)
    process.send(PROTOTYPES, "fine")
    process.send(PROTOTYPES, "segv")
    process.send(PROTOTYPES, "fine")
    with pytest.raises(Crashed) as caught:
        process.call(PROTOTYPES, "fine")
    assert caught.value.function == "segv"
    with pytest.raises(Skipped, match="SIGSEGV"):
        process.call(PROTOTYPES, "fine")


def test_crash_between_calls_is_told_by_the_next(session: AgentSession, culprit: Path) -> None:
    """As of a thread that the library left running."""
    process, other = spawn(session, culprit), spawn(session, culprit, "baseline")
    process.send(PROTOTYPES, "segv")
    assert other.call(PROTOTYPES, "fine") == 7
    with pytest.raises(Crashed):
        process.flush()
    assert other.call(PROTOTYPES, "fine") == 7


def test_unexpected_return_skips_what_was_built_on_it(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    log = process.buffer(4, "u1")
    process.send(PROTOTYPES, "status", -5, returns=0)
    process.send(PROTOTYPES, "scribble", log, 4)
    with pytest.raises(UnexpectedReturn) as caught:
        process.read(log)
    assert (caught.value.returned, caught.value.expected) == (-5, 0)
    assert caught.value.function == "status"
    # The process lives, and what was skipped was not run.
    assert process.read(log).tolist() == [0, 0, 0, 0]
    assert process.call(PROTOTYPES, "status", -5, returns=-5) == -5
    process.close()


def test_missing_function(session_of_abi: AgentSession, culprit_of_abi: Path) -> None:
    process = spawn(session_of_abi, culprit_of_abi)
    assert process.offers("fine")
    assert not process.offers("not_there")
    with pytest.raises(MissingSymbol, match="not_there") as caught:
        process.call(PROTOTYPES, "not_there")
    assert caught.value.device == session_of_abi.device
    assert process.call(PROTOTYPES, "fine") == 7
    process.close()


def test_library_of_another_abi(session_of_abi: AgentSession, abi: Abi, tmp_path: Path) -> None:
    foreign = Abi.ARMHF if abi is Abi.AARCH64 else Abi.AARCH64
    library = compile_library("int one(void) { return 1; }", tmp_path / "libone.so", foreign)
    with pytest.raises(WrongAbi, match=f"machine {foreign.elf.machine}") as caught:
        spawn(session_of_abi, library)
    assert caught.value.device == session_of_abi.device


def test_file_that_is_no_library(session: AgentSession, tmp_path: Path) -> None:
    text = tmp_path / "libtext.so"
    text.write_text("this is no library, though it is long enough")
    with pytest.raises(WrongAbi, match="no ELF file"):
        spawn(session, text)
    with pytest.raises(MissingFile, match="nowhere"):
        session.spawn("/nowhere/liba.so", label="candidate")


def test_missing_dependency_and_one_that_is_given(session: AgentSession, tmp_path: Path) -> None:
    inner = compile_library("int inner(void) { return 5; }", tmp_path / "libinner.so")
    source = "int inner(void); int outer(void) { return inner() + 1; }"
    outer = compile_library(source, tmp_path / "libouter.so", flags=[str(inner)])
    with pytest.raises(MissingDependency, match=r"libinner\.so"):
        spawn(session, outer)
    process = session.spawn(deploy(session, outer), dependencies=[deploy(session, inner)], label="candidate")
    assert process.call("int outer(void);", "outer") == 6


def test_library_that_crashes_while_it_is_loaded(session: AgentSession, culprit: Path, tmp_path: Path) -> None:
    source = "#include <stdlib.h>\n__attribute__((constructor)) static void begin(void) { abort(); }"
    with pytest.raises(Crashed, match=r"loading libabort\.so"):
        spawn(session, compile_library(source, tmp_path / "libabort.so"))
    goes_on(session, culprit)


def test_core_that_is_not_there(session: AgentSession, culprit: Path) -> None:
    with pytest.raises(AgentError, match="pin"):
        session.spawn(deploy(session, culprit), cores=[1000], label="candidate")
    goes_on(session, culprit)
