"""The documentation's site: `ci/tox run -e docs` writes it to out/docs. What can be told by the code is."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ontarget.fixtures import given
from ontarget.fixtures.items import MARKERS
from ontarget.version import VERSION

project = "ontarget"
author = "The ontarget developers"
version = release = VERSION
extensions = ["myst_parser", "sphinx_click"]
html_theme = "furo"
html_title = "ontarget"
exclude_patterns = ["_made"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]  # what a terminal shows is in no language
_MADE = Path(__file__).parent / "_made"
_GROUP = re.compile(r"^kernels on real devices \(ontarget\):\n(.*?)(?=^\S)", re.MULTILINE | re.DOTALL)


def pytest_options() -> str:
    """What `pytest --help` says of our options."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
        env={"PATH": "", "COLUMNS": "100"},
    )
    found = _GROUP.search(done.stdout)
    if found is None:
        raise RuntimeError("pytest --help shows no options of ontarget: see that the plugin is installed")
    return found[1]


def markers() -> str:
    rows = ["| marker | |", "|---|---|"]
    for line in MARKERS:
        name, _, what = line.partition(": ")
        rows.append(f"| `@pytest.mark.{name}` | {what} |")
    return "\n".join(rows) + "\n"


def fixtures() -> str:
    """A table of the fixtures, by what their docstrings begin with."""
    rows = ["| fixture | is |", "|---|---|"]
    for name, value in vars(given).items():
        if type(value).__name__ == "FixtureFunctionDefinition":
            rows.append(f"| `{name}` | {(value.__doc__ or '').strip().splitlines()[0]} |")
    return "\n".join(rows) + "\n"


def setup(app: Any) -> None:
    del app
    _MADE.mkdir(exist_ok=True)
    (_MADE / "pytest-options.txt").write_text(pytest_options())
    (_MADE / "markers.md").write_text(markers())
    (_MADE / "fixtures.md").write_text(fixtures())
