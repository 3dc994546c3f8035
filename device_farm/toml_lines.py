"""Where in a TOML text a table or key stands; the standard parser forgets it."""

import re

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=(.*)")
_SYNTAX_ERROR = re.compile(r"\(at line (\d+), column \d+\)")

Path = tuple[str | int, ...]


def line_of(text: str, path: Path) -> int:
    """Return the line (1-based) of the longest part of `path` that `text`, valid TOML, spells out; else 1.

    `path` is keys and, within arrays, indices from 0: ("device", 2, "power", "driver").
    """
    lines = _lines(text)
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), 1)


def line_of_syntax_error(message: str) -> int:
    """Return the line that tomllib's message names; 1 where it names none."""
    match = _SYNTAX_ERROR.search(message)
    return int(match[1]) if match else 1


def _lines(text: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    elements: dict[Path, int] = {}  # arrays of tables, how many so far
    table: Path = ()
    closing: str | None = None  # the quotes that end the multi-line string that we are in
    for number, line in enumerate(text.splitlines(), start=1):
        if closing is not None:
            if closing in line:
                closing = None
            continue
        header = _HEADER.match(line)
        if header is not None:
            table = _absolute(_split(header[2]), elements)
            if header[1] == "[[":
                elements[table] = elements.get(table, -1) + 1
                table = (*table, elements[table])
            found.setdefault(table, number)
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment is not None:
            keys = _split(assignment[1])
            for length in range(1, len(keys) + 1):
                found.setdefault((*table, *keys[:length]), number)
            closing = next((q for q in ('"""', "'''") if assignment[2].lstrip().startswith(q)), None)
            if closing is not None and assignment[2].count(closing) > 1:
                closing = None
    return found


def _split(dotted: str) -> Path:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, dotted))


def _absolute(keys: Path, elements: dict[Path, int]) -> Path:
    """Put in the indices: [device.power] belongs to the last [[device]]."""
    path: Path = ()
    for position, key in enumerate(keys):
        path = (*path, key)
        if path in elements and position < len(keys) - 1:
            path = (*path, elements[path])
    return path
