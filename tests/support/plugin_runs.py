"""Runs of pytest with the plugin in processes of their own, and what they leave behind."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

SAXPY = """
#include <stddef.h>
void saxpy(size_t n, float a, const float *x, float *y) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}
"""

# DESIGN's example, verbatim.
SAXPY_TEST = """
import pytest

PROTOTYPES = "void saxpy(size_t n, float a, const float *x, float *y);"

@pytest.mark.parametrize("n", [1, 1000, 1 << 20])
def test_saxpy(candidate, baseline, accuracy, latency, random, n):
    x, y = random.standard_normal((2, n), dtype="f4")

    def call(library):                          # bound on the device, not yet run
        return library.bind(PROTOTYPES, "saxpy", n, 2.0, x, library.buffer(y))

    accuracy.check(call, candidate, baseline, result="y", expected=2.0 * x.astype("f8") + y, terms=2)
    latency.compare(call, candidate, baseline)
"""

# A call of `saxpy` for tests that do one check with it.
CALL = """
import numpy as np
import pytest

PROTOTYPES = "void saxpy(size_t n, float a, const float *x, float *y);"
X, Y = np.linspace(1, 2, 20000, dtype="f4"), np.ones(20000, dtype="f4")
EXPECTED = 2.0 * X.astype("f8") + Y

def call(library):
    return library.bind(PROTOTYPES, "saxpy", X.size, 2.0, X, library.buffer(Y))
"""


@dataclass(frozen=True)
class Ran:
    """A run that ended."""

    status: int
    output: str
    results: dict[str, Any] | None

    def records(self) -> list[dict[str, Any]]:
        if self.results is None:
            raise AssertionError(f"no results were written:\n{self.output}")
        tests: list[dict[str, Any]] = self.results["tests"]
        return tests

    def outcomes(self) -> list[tuple[str | None, str]]:
        return [(record["check"], record["outcome"]) for record in self.records()]


@dataclass(frozen=True)
class Desk:
    """A working folder with a farm store of its own. `state` may be shared, as what it learns takes seconds."""

    folder: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def library(self, name: str, source: str) -> Path:
        """Compile C into a shared library with this machine's compiler."""
        code, library = self.folder / f"{name}.c", self.folder / f"{name}.so"
        code.write_text(source)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, code], check=True)
        return library

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)]

    def environ(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        return {**inherited, "XDG_STATE_HOME": str(self.state), **self.environment}

    def run(self, *arguments: str | Path, cwd: Path | None = None, deadline: float = 240) -> Ran:
        """Run pytest to its end in the desk's folder."""
        folder = cwd or self.folder
        results = folder / "ontarget-results.json"
        results.unlink(missing_ok=True)
        done = subprocess.run(
            self.command(*arguments),
            cwd=folder,
            env=self.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=deadline,
            check=False,
        )
        return Ran(done.returncode, done.stdout, json.loads(results.read_text()) if results.exists() else None)


# What a surrounding run or CI job says must not reach the run under test.
_OTHERS = ("PYTEST_", "ONTARGET_", "GITHUB_", "CI_", "GIT_COMMIT", "COV_", "FORCE_COLOR", "PY_COLORS")
