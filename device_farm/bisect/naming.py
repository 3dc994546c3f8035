"""From the id of a test, as results have it, to what pytest is to run."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ontarget.device_farm.errors import NoSuchTest

_PASSED_OVER: Final = frozenset(("node_modules", "__pycache__", "build", "dist", "venv"))


def pytest_words(test: str, folder: Path) -> list[str]:
    """Return pytest's arguments for TEST: one of its node ids, or `dotted.module::name[model-parameters]`.

    A module that is not installed is looked for below `folder`. Raises NoSuchTest.
    """
    module, separator, rest = test.partition("::")
    if not separator or not rest:
        raise NoSuchTest(f"expected dotted.module::name[model-parameters] or path/test_x.py::name, found {test!r}")
    if (folder / module).is_file():
        return [test]
    if _importable(module, folder):
        return ["--pyargs", test]
    wanted = tuple(f"{module.replace('.', '/')}.py".split("/"))
    found = [path for path in _modules(folder, wanted[-1]) if path.parts[-len(wanted) :] == wanted]
    if len(found) != 1:
        there = " and ".join(str(path) for path in found) or "none"
        raise NoSuchTest(
            f"expected one module {module} that can be imported, or is a file below {folder}; found {there}. "
            "Give pytest's own name of the test: path/test_x.py::name[model-parameters]"
        )
    return [f"{found[0].relative_to(folder)}::{rest}"]


def _importable(module: str, folder: Path) -> bool:
    """Whether `python -m pytest` would find it from the folder."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
    finally:
        sys.path.remove(str(folder))


def _modules(folder: Path, name: str) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".") and one not in _PASSED_OVER]
        if name in files:
            yield Path(place) / name
