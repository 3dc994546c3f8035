"""What programs print, one file for each format; a format is found by its file's name, `-` for `_`.

To add one is to add a file with a function `make(**options) -> Format`. Parsers are pure: bytes in, results out. Fields
that they do not know are passed over, and what is no output of the format raises BadOutput.
"""

import importlib
import json
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ontarget.harness.errors import UserError
from ontarget.harness.programs.results import BadOutput, Case, CaseResult, Output

RESULT_PATH: Final = "/proc/self/fd/9"
"""Where a program finds its result file, apart from what else it prints."""


@dataclass(frozen=True)
class Format:
    """How a kind of program is spoken to, and read.

    `parse` reads what a run printed. `listing` are the arguments that make it list its cases, which `cases` reads; None
    for a program that cannot: then its cases are those of a run. `select` gives the arguments for a run of some cases,
    () for a program that always runs all. `timed`: its results are costs to be compared, not tests that pass or fail.
    """

    name: str
    parse: Callable[[Output], list[CaseResult]]
    select: Callable[[Sequence[str]], tuple[str, ...]]
    timed: bool
    listing: tuple[str, ...] | None = None
    cases: Callable[[Output], list[Case]] | None = None

    @property
    def runs_cases_alone(self) -> bool:
        return self.listing is not None


def names() -> list[str]:
    """The formats that there are."""
    return sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(__path__))


def format_named(name: str, **options: Any) -> Format:
    """The format of that name, with its options (`pattern` for a regular expression). Raises UserError."""
    if name not in names():
        raise UserError(f"expected a program's format, one of {', '.join(names())}, found {name!r}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    try:
        return cast(Format, module.make(**options))
    except TypeError as error:
        raise UserError(f"the format {name} cannot be made with {options}: {error}") from error


def decoded(data: bytes) -> str:
    """A program's text; bytes that are no UTF-8 are shown as such, and stop nothing."""
    return data.decode("utf-8", "replace")


def read_json(data: bytes, what: str) -> Any:
    """JSON from a program's output. Raises BadOutput, naming `what` was expected."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadOutput(f"expected {what}, found {shortened(data)}: {error}") from error


def part(value: Any, key: str, kind: type, what: str) -> Any:
    """`value[key]`, of that type. Raises BadOutput, saying of what it is a part."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool):
        raise BadOutput(f"expected {what} with {key!r} ({kind.__name__}), found {shortened(repr(value).encode())}")
    return found


def shortened(data: bytes, most: int = 200) -> str:
    """The beginning of what was found, for a message."""
    text = decoded(data[:most]).strip()
    return "nothing" if not text else repr(text) + ("..." if len(data) > most else "")


def all_cases(wanted: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG001 - the format's
    """`select` of a program that always runs all its cases."""
    return ()
