"""`ontarget coverage`: the table operators x libraries x dtypes."""

import json
from pathlib import Path
from typing import Any

import pytest

from ontarget.harness.binding import load_binding
from ontarget.suites.bindings import xnnpack
from ontarget.suites.coverage import coverage
from ontarget.suites.layers import core, full
from support.c_libraries import compile_library
from support.commands import CommandLine

BINDING = """
name, soname = "mine", "libmine.so"
def offers(op, dtype):
    return None if op in ("add", "softmax") and dtype == "f32" else f"no binding of {op} for mine"
def lacks(op, dtype, exports):
    return None if exports(f"mine_{op}") else f"libmine.so has no mine_{op}"
def start(library): ...
def prepare(library, case): ...
"""


def test_every_test_of_the_suites_is_counted_once() -> None:
    cells = coverage(xnnpack)
    assert sum(cell.core for cell in cells) == sum(len(layer.quick_dtypes) for layer in core())
    assert sum(cell.full for cell in cells) == sum(len(layer.dtypes) for layer in full())
    assert len({(cell.operator, cell.dtype) for cell in cells}) == len(cells)


@pytest.fixture
def mine(tmp_path: Path) -> CommandLine:
    (tmp_path / "mine.py").write_text(BINDING)
    return CommandLine(tmp_path)


def test_a_binding_in_the_working_folder_is_shown_with_a_library_of_its_own(mine: CommandLine) -> None:
    library = compile_library("void mine_add(void) {}", mine.folder, "mine")
    mine_alone, with_library = json.loads(mine.done("coverage", "mine", f"mine={library}", "--json"))
    assert offered(mine_alone) == {("add", "f32"), ("softmax", "f32")}
    assert offered(with_library) == {("add", "f32")}
    softmax = next(cell for cell in with_library["cells"] if (cell["operator"], cell["dtype"]) == ("softmax", "f32"))
    assert softmax["reason"] == "libmine.so has no mine_softmax"


def offered(library: dict[str, Any]) -> set[tuple[str, str]]:
    return {(cell["operator"], cell["dtype"]) for cell in library["cells"] if cell["offered"]}


def test_markdown_has_a_row_for_each_operator(mine: CommandLine) -> None:
    lines = mine.done("coverage", "mine", "--markdown").splitlines()
    assert lines[0] == "| operator | core | full | mine |"
    assert "| softmax | 3 | 13 | f32 |" in lines
    assert len(lines) == 2 + 23 + 2


def test_the_page_shows_what_the_command_prints(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text()
    printed = CommandLine(tmp_path).done("coverage", "xnnpack-2022", "xnnpack-2026", "onednn", "--markdown")
    assert printed in page, f"docs/coverage.md is not current; it should have\n{printed}"


def test_known_libraries_are_listed_with_bindings_that_ship(tmp_path: Path) -> None:
    for library in json.loads(CommandLine(tmp_path).done("library", "--json")):
        assert load_binding(library["binding"]).name == library["binding"]


def test_a_library_that_nobody_knows_is_a_usage_error(tmp_path: Path) -> None:
    assert CommandLine(tmp_path).run("library", "xnnpack-1999").returncode == 2


@pytest.mark.parametrize("words", [["nothing"], ["mine=absent.so"], ["mine", "--json", "--markdown"]])
def test_what_is_not_there_is_a_usage_error(mine: CommandLine, words: list[str]) -> None:
    assert mine.run("coverage", *words).returncode == 2
