"""The table operators x libraries x dtypes of `ontarget coverage`."""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import click

from ontarget.device_farm.cli.options import say
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.libraries import LIBRARIES, fetch
from ontarget.harness import elf
from ontarget.harness.abi import Abi
from ontarget.harness.binding import SHIPPED, Binding, load_binding
from ontarget.harness.builds import parse_build

# By name: the farm is built without knowing any suite.
_SUITES = "ontarget.suites.coverage"
NONE = "–"


class Cell(Protocol):
    """An operator in a dtype (ontarget.suites.coverage.Cell)."""

    operator: str
    dtype: str
    core: int
    full: int
    reason: str | None

    @property
    def offered(self) -> bool: ...


@dataclass(frozen=True)
class Covered:
    """What one library, or one binding, can run of the suites."""

    title: str
    cells: Sequence[Cell]

    def dtypes(self, operator: str) -> str:
        """Those that are offered, in words."""
        return " ".join(cell.dtype for cell in self.cells if cell.operator == operator and cell.offered) or NONE

    def tests(self, suite: str) -> tuple[int, int]:
        """How many tests of `core` or `full` can be run, and how many there are."""
        counts = [(getattr(cell, suite), cell.offered) for cell in self.cells]
        return sum(count for count, offered in counts if offered), sum(count for count, _ in counts)


def show(libraries: Sequence[str], folder: Path, *, markdown: bool, as_json: bool) -> None:
    """Print the coverage of what was named. Raises UserError for a word that names no binding or library."""
    covered = [_covered(word, folder) for word in libraries or _shipped()]
    if as_json:
        print_json([_record(library) for library in covered])
        return
    headings, rows = table(covered)
    if not markdown:
        print_table(headings, rows)
        return
    for row in (headings, ["---"] * len(headings), *rows):
        click.echo(f"| {' | '.join(row)} |")


def table(covered: Sequence[Covered]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: a row for each operator, a column for each library, and the counts of tests at the end."""
    operators = list(dict.fromkeys(cell.operator for cell in covered[0].cells))
    rows = [
        [
            operator,
            *(str(sum(getattr(c, suite) for c in covered[0].cells if c.operator == operator)) for suite in SUITES),
            *(library.dtypes(operator) for library in covered),
        ]
        for operator in operators
    ]
    for suite in SUITES:
        total = str(covered[0].tests(suite)[1])
        counts = [total if suite == one else "" for one in SUITES]
        rows.append([f"tests of {suite}", *counts, *(str(library.tests(suite)[0]) for library in covered)])
    return ["operator", *SUITES, *(library.title for library in covered)], rows


SUITES = ("core", "full")


def _shipped() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(import_module(SHIPPED).__path__)]


def _covered(word: str, folder: Path) -> Covered:
    name, separator, place = word.partition("=")
    title = name
    if separator:
        binding = load_binding(name)
        path = folder / Path(place).expanduser()
        title = f"{name} ({path.name})"
    elif name in LIBRARIES:  # any machine's will do: all offer the same
        binding = load_binding(LIBRARIES[name].binding)
        path = fetch(name, Abi.X86_64, progress=say)
    else:
        binding = load_binding(name)
    exports = _exports(binding, path) if separator or name in LIBRARIES else None
    make: Callable[..., Sequence[Cell]] = import_module(_SUITES).coverage
    return Covered(title, make(binding, exports))


def _exports(binding: Binding, path: Path) -> Callable[[str], bool]:
    """Whether the library exports a function, by the table in its file. Raises MissingFile, WrongAbi."""
    files = parse_build([str(path)], "library", binding.soname).files
    return elf.exported(next(iter(files.values()))).__contains__


def _record(library: Covered) -> Mapping[str, Any]:
    suites = {suite: dict(zip(("offered", "of"), library.tests(suite), strict=True)) for suite in SUITES}
    keys = ("operator", "dtype", "core", "full", "offered", "reason")
    return {"library": library.title, **suites, "cells": [{k: getattr(c, k) for k in keys} for c in library.cells]}
