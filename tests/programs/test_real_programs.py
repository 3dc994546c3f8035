"""A real Google Benchmark and a real GoogleTest program, as tests on this machine and on a virtual board."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ontarget.device_farm.boards import Board
from support.boards import state_home
from support.plugin_runs import Desk, Ran
from support.programs import c_program

BENCHMARKS = """
import pytest

@pytest.mark.program("google-benchmark", arguments=["--benchmark_min_time=0.002", "--benchmark_repetitions=3"])
def test_kernels(program):
    program.check()
"""

UNIT_TESTS = """
import pytest

@pytest.mark.program("googletest", deadline=3)
def test_units(program):
    program.check()
"""

OUTCOMES = {
    "Saxpy.Right": "pass",
    "Saxpy.Wrong": "wrong",
    "Saxpy.Crashes": "crashed",
    "Saxpy.Skips": "not-offered",
    "Saxpy.Hangs": "timed-out",
    "Saxpy.DISABLED_Later": "not-offered",
    "Small/Sizes.Fit/0": "pass",
    "Small/Sizes.Fit/1": "pass",
}


def by_case(ran: Ran, model: str = "local") -> dict[str, str]:
    assert all(f"[{model}-" in record["id"] for record in ran.records()), ran.output
    return {record["id"].partition(f"[{model}-")[2].removesuffix("]"): record["outcome"] for record in ran.records()}


def test_each_test_of_a_program_has_an_outcome_of_its_own(desk: Desk, programs: Path) -> None:
    desk.write("test_units.py", UNIT_TESTS)
    ran = desk.run("--on", "local", "--candidate", programs / "x86_64" / "unit_tests")
    assert by_case(ran) == OUTCOMES, ran.output
    assert ran.status == 1
    assert "six is not seven" in ran.output
    assert "SIGSEGV" in ran.output


def test_a_batch_of_tests_has_the_same_outcomes_whatever_crashes_in_it(desk: Desk, programs: Path) -> None:
    desk.write("test_units.py", UNIT_TESTS.replace("deadline=3", "deadline=1, batch=8"))
    ran = desk.run("--on", "local", "--candidate", programs / "x86_64" / "unit_tests")
    assert by_case(ran) == OUTCOMES, ran.output


def test_workers_share_the_cases_of_a_program(desk: Desk, programs: Path) -> None:
    desk.write("test_units.py", UNIT_TESTS)
    desk.environment["XDG_CACHE_HOME"] = str(desk.folder / "cache")  # nobody has asked for its cases yet
    ran = desk.run("-n", "2", "--on", "local", "--on", "local", "--candidate", programs / "x86_64" / "unit_tests")
    assert by_case(ran) == OUTCOMES, ran.output


def test_benchmarks_are_judged_case_by_case(desk: Desk, programs: Path) -> None:
    desk.write("test_kernels.py", BENCHMARKS)
    sides = ("--candidate", programs / "x86_64" / "slow", "--baseline", programs / "x86_64" / "fast")
    ran = desk.run("--on", "local", *sides, "test_kernels.py")
    assert by_case(ran) == {"unknown": "user-error"}, ran.output  # a folder is no program: which one is meant?
    desk.write("test_kernels.py", BENCHMARKS.replace('benchmark",', 'benchmark", name="bench",'))
    ran = desk.run("--on", "local", *sides, "test_kernels.py")
    assert by_case(ran) == {
        "BM_Saxpy/1000": "regressed",
        "BM_Saxpy/4000": "regressed",
        "BM_Refuses": "wrong",
        "BM_Crashes": "crashed",
    }, ran.output
    verdicts = [record["verdict"] for record in ran.records() if record["verdict"]]
    assert all(verdict["effect"] > 1 and verdict["confirmed"] for verdict in verdicts)
    assert "of them fresh to confirm it" in ran.output


def test_a_case_that_the_program_lacks_is_not_offered(desk: Desk, programs: Path) -> None:
    desk.write("test_kernels.py", BENCHMARKS.replace('benchmark",', 'benchmark", cases=["BM_Crashes"],'))
    sides = (
        "--candidate",
        programs / "x86_64" / "fast" / "bench",
        "--baseline",
        programs / "x86_64" / "slow" / "bench",
    )
    ran = desk.run("--on", "local", *sides)
    assert by_case(ran) == {"BM_Crashes": "not-offered"}, ran.output


def test_a_command_is_timed_by_what_an_expression_finds(desk: Desk) -> None:
    desk.write(
        "test_tool.py",
        """
        import pytest

        @pytest.mark.program("regex", pattern=r"(?P<name>\\w+) took (?P<value>\\d+) (?P<unit>ms)")
        def test_tool(program):
            program.check()
        """,
    )
    code = '#include <stdio.h>\nint main(void) { puts("copy took TIME ms"); puts("sum took 7 ms"); return 0; }'
    for name, time in (("new", "20"), ("old", "10")):
        (desk.folder / name).mkdir()
        c_program(code.replace("TIME", time), desk.folder / name)
    sides = ("--candidate", desk.folder / "new" / "program", "--baseline", desk.folder / "old" / "program")
    ran = desk.run("--on", "local", *sides)
    assert by_case(ran) == {"copy": "regressed", "sum": "pass"}, ran.output


def test_the_wrong_format_says_what_was_expected(desk: Desk, programs: Path) -> None:
    desk.write("test_units.py", UNIT_TESTS.replace("googletest", "benchncnn").replace("deadline=3", "deadline=60"))
    ran = desk.run("--on", "local", "--candidate", programs / "x86_64" / "fast" / "bench")
    assert by_case(ran) == {"unknown": "user-error"}, ran.output
    assert "expected lines `NET min = .. max = .. avg = ..`, found" in ran.output
    assert ran.status == 4


def test_programs_of_another_abi_run_on_a_board(
    desk: Desk, programs: Path, shared_board: Callable[[str], Board], boards_home: Path
) -> None:
    with state_home(boards_home):
        shared_board("virtual-cortex-a53")
    desk.write("test_units.py", UNIT_TESTS.replace("deadline=3", "deadline=10"))
    folder = programs / "aarch64"
    address = ("--on", "board:virtual-cortex-a53")
    ran = desk.run(*address, "--candidate", folder / "unit_tests", deadline=600)
    assert by_case(ran, "virtual-cortex-a53") == OUTCOMES, ran.output


@pytest.mark.parametrize(("candidate", "outcome"), [("slow", "regressed"), ("fast", "pass")])
def test_on_a_board_a_benchmark_counts_instructions(desk: Desk, programs: Path, candidate: str, outcome: str) -> None:
    desk.write("test_kernels.py", BENCHMARKS.replace('benchmark",', 'benchmark", cases=["BM_Saxpy/1000"],'))
    folder = programs / "aarch64"
    sides = ("--candidate", folder / candidate / "bench", "--baseline", folder / "fast" / "bench")
    ran = desk.run("--on", "board:virtual-cortex-a53", "--block", "instructions", *sides, deadline=600)
    assert ran.outcomes() == [("instructions", outcome)], ran.output


def test_cases_that_are_timed_together_share_their_pairs(desk: Desk, programs: Path) -> None:
    desk.write("test_kernels.py", BENCHMARKS.replace('benchmark",', 'benchmark", together=True,'))
    fast, slow = (programs / "x86_64" / name / "bench" for name in ("fast", "slow"))
    ran = desk.run("--on", "local", "--candidate", fast, "--baseline", fast, "-k", "Saxpy", "--pairs", "6")
    assert set(by_case(ran)) == {"BM_Saxpy/1000", "BM_Saxpy/4000"}, ran.output
    crashing = desk.run("--on", "local", "--candidate", slow, "-k", "Saxpy or Crashes")
    assert by_case(crashing) == {
        "BM_Saxpy/1000": "inconclusive",
        "BM_Saxpy/4000": "inconclusive",
        "BM_Crashes": "crashed",
    }, crashing.output


def test_a_program_is_measured_against_itself(desk: Desk, programs: Path) -> None:
    desk.write("test_kernels.py", BENCHMARKS)
    ran = desk.run("--self-test", "--on", "local", "--candidate", programs / "x86_64" / "fast" / "bench", "-k", "1000")
    (record,) = ran.records()
    assert record["self_test"]["pairs"] > 0, ran.output
    assert "resolve" in record["message"]
