"""Bugs that were put into a kernel library: what the suites say of them."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def running() -> Iterator[ModuleType]:
    """The measurement's module, which lies outside of the packages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield import_module("benchmarks.mutants.running")


@pytest.fixture(scope="module")
def catalogue(running: ModuleType) -> ModuleType:
    return sys.modules[f"{running.__package__}.catalogue"]


def entry(name: str, outcome: str, *, layer: str = "hard_gemm_primes", dtype: str = "f32") -> dict[str, Any]:
    return {"id": f"m::{name}", "outcome": outcome, "layer": layer, "dtype": dtype, "message": f"{name} is {outcome}"}


RIGHT = entry("test_sizes[local-gemm_primes-f32]", "wrong")


@pytest.mark.parametrize(
    ("tests", "caught"),
    [
        ([RIGHT], True),
        ([RIGHT, entry("test_sizes[local-add_one-f32]", "not-offered", layer="hard_add_one")], True),
        ([entry("test_sizes[local-gemm_primes-f32]", "pass")], False),
        ([entry("test_sizes[local-gemm_primes-f32]", "crashed")], False),  # another outcome than it has to have
        ([entry("test_sizes[local-gemm_one-f32]", "wrong", layer="hard_gemm_one")], False),  # not by the right test
        ([RIGHT, entry("test_sizes[local-add_one-f32]", "wrong", layer="hard_add_one")], False),
        ([RIGHT, entry("test_sizes[local-gemm_primes-qs8]", "wrong", dtype="qs8")], False),
    ],
)
def test_a_bug_is_caught_by_the_right_test_with_the_right_outcome_and_no_other(
    running: ModuleType, catalogue: ModuleType, tests: list[dict[str, Any]], caught: bool
) -> None:
    wrong = catalogue.Mutant("GEMM_X", "wrong on primes", ("gemm",), "f32", test="gemm_primes")
    assert running.judge(wrong, {"tests": tests}).caught is caught


def test_a_plain_kernel_without_a_bug_fails_nothing(running: ModuleType, catalogue: ModuleType) -> None:
    control = next(control for control in catalogue.CONTROLS if control.name == "GEMM_NONE")
    assert running.judge(control, {"tests": [entry("test_sizes[local-gemm_primes-f32]", "pass")]}).caught
    assert not running.judge(control, {"tests": [RIGHT]}).caught


def test_the_catalogue_has_every_bug_of_the_sources_and_no_other(running: ModuleType, catalogue: ModuleType) -> None:
    text = "".join(path.read_text() for path in running.SOURCES)
    assert set(re.findall(r"\bIS\((\w+)\)", text)) == {mutant.name for mutant in catalogue.MUTANTS}
    assert len(catalogue.MUTANTS) == 30
    header = running.SOURCES[0].with_name("mutants.h").read_text()
    assert set(re.findall(r"\b(\w+_NONE),", header)) == {control.name for control in catalogue.CONTROLS}


def test_the_suites_catch_a_few_of_them(catalogue: ModuleType, tmp_path: Path) -> None:
    """All thirty take minutes: `python -m benchmarks.mutants`."""
    others = ("PYTEST_", "ONTARGET_")  # what a surrounding run says must not reach those under test
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.mutants", "--few"],
            cwd=ROOT,
            env={**environment, "XDG_STATE_HOME": str(tmp_path / "state"), "ONTARGET_ROOT": root},
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    few = len(catalogue.FEW)
    assert f"{few} of {few} bugs are caught" in done.stdout
