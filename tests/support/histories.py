"""Git repositories of a small C library whose commits do what a test plants in them."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BUILD = "cc -O1 -shared -fPIC -o {out}/libwork.so work.c"

# `WORK` turns of the loop per element: what a commit costs. `OFF` is added to the result: what it gets wrong.
SOURCE = """
#include <stddef.h>
void work(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++) {
        volatile float sum = 0;
        for (int turn = 0; turn < @WORK@; turn++) sum += 0.5f;
        y[i] = 2.0f * x[i] + @OFF@;
    }
}
"""

TEST = """
import numpy as np
import pytest

PROTOTYPES = "void work(size_t n, const float *x, float *y);"
X = np.linspace(1, 2, 2000, dtype="f4")

def call(library):
    return library.bind(PROTOTYPES, "work", X.size, X, library.output((X.size,), "f4"))

@pytest.mark.parametrize("n", [2000])
def test_work(candidate, baseline, accuracy, latency, n):
    def call(library):
        return library.bind(PROTOTYPES, "work", n, X[:n], library.buffer(np.zeros(n, "f4")))

    accuracy.check(call, candidate, baseline, result="y", expected=2.0 * X[:n].astype("f8"), terms=1)
    latency.compare(call, candidate, baseline)
"""


@dataclass(frozen=True)
class Repository:
    """A repository in `folder`; `commits` are the whole names, oldest first."""

    folder: Path
    commits: list[str]

    def commit(self, text: str, message: str) -> str:
        """Commit `text` as work.c."""
        (self.folder / "work.c").write_text(text)
        git(self.folder, "add", "work.c")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", message)
        self.commits.append(git(self.folder, "rev-parse", "HEAD").strip())
        return self.commits[-1]


def git(folder: Path, *words: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "Someone", f"GIT_{role}_EMAIL": "someone@example.org"}
    return subprocess.run(
        ["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def source(*, work: int = 100, off: str = "0", marker: str = "") -> str:
    return SOURCE.replace("@WORK@", str(work)).replace("@OFF@", off) + f"\n/* {marker} */\n"


def repository(folder: Path, sources: Sequence[str]) -> Repository:
    """A repository with a commit per source."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    made = Repository(folder, [])
    for number, text in enumerate(sources):
        made.commit(text, f"commit {number}")
    return made
