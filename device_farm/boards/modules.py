"""Kernel modules: which are needed, and in which order they can be loaded."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ontarget.harness.errors import InfraError

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def dependencies(module: bytes) -> tuple[str, ...]:
    """The modules that this one (contents of its .ko file) names as needed, by its `.modinfo` section."""
    found = _DEPENDS.search(module)
    return tuple(_plain(name) for name in found[1].decode().split(",") if name) if found else ()


def load_order(wanted: Sequence[str], available: Mapping[str, Path]) -> list[Path]:
    """Files of the `wanted` modules and all that they need, each after what it needs itself.

    `available` maps names to files. Raises InfraError if one is missing.
    """
    ordered: dict[str, Path] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        if name not in available:
            raise InfraError(f"the kernel package has no module {name}; the board image cannot be built from it")
        for needed in dependencies(available[name].read_bytes()):
            visit(needed)
        ordered[name] = available[name]

    for name in wanted:
        visit(_plain(name))
    return list(ordered.values())


def available_in(folder: Path) -> dict[str, Path]:
    """The modules below `folder`, by name."""
    return {_plain(path.stem): path for path in sorted(folder.rglob("*.ko"))}


def _plain(name: str) -> str:
    return name.replace("-", "_")
