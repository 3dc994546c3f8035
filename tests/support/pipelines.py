"""A kernel library's repository, and the steps of its pipeline as a CI service runs them in a clone."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STEPS = ROOT / "ci" / "steps"
ABI = platform.machine()

_SOURCE = """#include <stddef.h>
void scale(size_t n, float a, float *x) { for (size_t i = 0; i < n; i++) x[i] *= a; }
"""
_TEST = """
import time
from pathlib import Path

import numpy as np
import pytest


def call(library):
    x = np.linspace(1, 2, 4000, dtype="f4")
    return library.bind("void scale(size_t n, float a, float *x);", "scale", x.size, 2.0, library.buffer(x))


def test_scale(candidate, accuracy):
    expected = 2.0 * np.linspace(1, 2, 4000, dtype="f4").astype("f8")
    accuracy.check(call, candidate, result="x", expected=expected, terms=1)


@pytest.mark.long
def test_long(device):
    Path("measuring").touch()
    time.sleep(600)
"""
_OTHERS = ("ONTARGET_", "GITHUB_", "GITLAB_", "CI_", "JENKINS_", "GIT_", "BUILD_", "PYTEST_", "COV_")


def services(home: Path) -> dict[str, dict[str, str]]:
    """What each service says of a push to the main branch, of its documented variables those that we read."""
    return {
        "github": {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": "ada/kernels",
            "GITHUB_RUN_ID": "77",
            "GITHUB_RUN_NUMBER": "7",
            "GITHUB_SERVER_URL": "https://github.example.org",
            "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
        },
        "gitlab": {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_REF_PROTECTED": "true",
            "CI_JOB_URL": "https://gitlab.example.org/ada/kernels/-/jobs/77",
            "CI_JOB_ID": "77",
            "CI_PIPELINE_IID": "7",
            "CI_PROJECT_PATH": "ada/kernels",
            "CI_PROJECT_URL": "https://gitlab.example.org/ada/kernels",
        },
        "jenkins": {
            "JENKINS_URL": "https://jenkins.example.org/",
            "JOB_NAME": "kernels/main",
            "BRANCH_NAME": "main",
            "BUILD_NUMBER": "7",
            "BUILD_URL": "https://jenkins.example.org/job/kernels/7/",
            "GIT_URL": "https://git.example.org/ada/kernels.git",
        },
    }


@dataclass(frozen=True)
class Pipeline:
    """`origin` is the library's repository, `clone` a job's working folder; `environment` what the service sets."""

    origin: Path
    clone: Path
    environment: dict[str, str] = field(default_factory=dict)

    def saying(self, **more: str) -> "Pipeline":
        return replace(self, environment={**self.environment, **more})

    def environ(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        home = self.origin.parent
        ours = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(home / "state"),
            "ONTARGET_ARTIFACTS": str(home / "artifacts"),
            "ONTARGET_BUILD": 'cc -O1 -shared -fPIC -o "$OUT/libkernels.so" kernels.c',
            "ONTARGET_LIBRARY": "libkernels.so",
            "ONTARGET_VIRTUAL": "--on local",
            "ONTARGET_DEVICES": "--on local",
            "ONTARGET_CORE_SUITE": "-m 'not long'",
            "ONTARGET_VIRTUAL_SUITE": "-m 'not long'",
            "ONTARGET_ALLURE": "no",
        }
        return {**inherited, **ours, **self.environment}

    def start(self, step: str, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.clone / ".ontarget" / "ci" / "steps" / step, *words],
            cwd=self.clone,
            env=self.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def step(self, step: str, *words: str, status: int = 0) -> str:
        """Run a step to its end, and return what it printed."""
        process = self.start(step, *words)
        said, _ = process.communicate(timeout=120)
        if process.returncode != status:
            raise AssertionError(f"{step} {' '.join(words)}: expected {status}, found {process.returncode}\n{said}")
        return said

    def found(self, suite: str, name: str) -> str:
        return (self.clone / "ontarget-reports" / suite / name).read_text()

    def results(self, suite: str) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(self.found(suite, "ontarget-results.json"))
        return plain

    def push(self, title: str, source: str | None = None) -> str:
        """Commit to the library's main branch, and bring a job's clone there."""
        if source is not None:
            (self.origin / "kernels.c").write_text(source)
        git(self.origin, "add", ".")
        git(self.origin, "commit", "-q", "--allow-empty", "-m", title)
        git(self.clone, "fetch", "-q")
        commit = git(self.origin, "rev-parse", "HEAD")
        git(self.clone, "checkout", "-q", "--detach", commit)
        return commit


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def library(folder: Path) -> Pipeline:
    """A repository with a kernel, how it is built and a test; and a clean clone of it, with ontarget beside."""
    origin, clone = folder / "origin", folder / "clone"
    origin.mkdir(parents=True)
    git(origin, "init", "-q", "-b", "main")
    (origin / "kernels.c").write_text(_SOURCE)
    (origin / "tests").mkdir()
    (origin / "tests" / "test_kernels.py").write_text(_TEST)
    (origin / "pytest.ini").write_text("[pytest]\nmarkers = long\n")
    (origin / ".gitignore").write_text(".ontarget*\nontarget-*\n")
    git(origin, "add", ".")
    git(origin, "commit", "-q", "-m", "Begin")
    git(folder, "clone", "-q", str(origin), str(clone))
    (clone / ".ontarget").symlink_to(ROOT)
    return Pipeline(origin, clone)


WRONG = _SOURCE.replace("*= a", "*= a + 0.25f")
