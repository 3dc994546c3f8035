"""A library with four kernels and a build of it in which three are broken: what a report has to show."""

from dataclasses import dataclass
from pathlib import Path

from support.plugin_runs import Desk

# A pull request's job as GitHub would tell of it.
JOB = {
    "GITHUB_REPOSITORY": "team/kernels",
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_NUMBER": "12",
    "GITHUB_WORKFLOW": "kernels",
    "GITHUB_SHA": "c0ffee" * 6,
    "GITHUB_REF": "refs/pull/5/merge",
    "ONTARGET_PAGES": "https://farm.example",
}


@dataclass(frozen=True)
class Faults:
    """A run of which most tests failed, each for something else."""

    folder: Path
    status: int

    @property
    def allure(self) -> Path:
        return self.folder / "allure"


GOOD = """
#include <stddef.h>
void scale(size_t n, float a, const float *x, float *y) { for (size_t i = 0; i < n; i++) y[i] = a * x[i]; }
void shift(size_t n, float a, const float *x, float *y) { for (size_t i = 0; i < n; i++) y[i] = a + x[i]; }
void twice(size_t n, float a, const float *x, float *y) { (void)a; for (size_t i = 0; i < n; i++) y[i] = 2 * x[i]; }
void chop(size_t n, float a, const float *x, float *y) { (void)a; for (size_t i = 0; i < n; i++) y[i] = (int)x[i]; }
"""

# scale is half again as slow, shift has three elements off, twice crashes; chop is left as it was.
BROKEN = """
#include <stddef.h>
void scale(size_t n, float a, const float *x, float *y) {
    for (size_t i = 0; i < n; i++) y[i] = a * x[i];
    volatile float sink = 0;
    for (size_t i = 0; i < n; i++) sink = y[i];
    (void)sink;
}
void shift(size_t n, float a, const float *x, float *y) {
    for (size_t i = 0; i < n; i++) y[i] = a + x[i];
    y[77] += 3; y[78] -= 1; y[5000] = 0;
}
void twice(size_t n, float a, const float *x, float *y) { (void)n; (void)a; (void)x; (void)y; *(volatile int *)0 = 1; }
void chop(size_t n, float a, const float *x, float *y) { (void)a; for (size_t i = 0; i < n; i++) y[i] = (int)x[i]; }
"""

TESTS = """
import numpy as np
import pytest

PROTOTYPES = "void {}(size_t n, float a, const float *x, float *y);"
X = np.linspace(1, 2, 20000, dtype="f4").reshape(100, 200)
EXPECTED = {"scale": 3 * X.astype("f8"), "shift": 3 + X.astype("f8"), "twice": 2.0 * X, "chop": np.floor(X)}


def caller(name):
    def call(library):
        y = library.buffer(np.zeros_like(X))
        return library.bind(PROTOTYPES.format(name), name, X.size, 3.0, X, y)

    return call


def kernel(name):
    return pytest.mark.kernel(application="image", operator=name, layer=f"{name}_100x200", dtype="f32")


@kernel("scale")
@pytest.mark.core
def test_scale_is_no_slower(candidate, baseline, latency):
    latency.compare(caller("scale"), candidate, baseline)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=kernel(name)) for name in ("shift", "twice", "chop")]
)
def test_results(candidate, baseline, accuracy, name):
    accuracy.check(caller(name), candidate, baseline, result="y", expected=EXPECTED[name], terms=2)
"""

FARM = """
version = 1
[[device]]
name = "desk-1"
model = "desk"
connect = "local"
[[device]]
name = "lost-1"
model = "lost"
connect = "ssh:nobody@127.0.0.1:9"
"""


def run_with_faults(desk: Desk, *options: str) -> int:
    """Run pytest on the broken build: one regression, one wrong result, one crash, one lost device, one pass.

    Leaves `allure/` and `ontarget-results.json` in the desk's folder; returns the exit status.
    """
    good, broken = desk.library("good", GOOD), desk.library("broken", BROKEN)
    desk.write("test_faults.py", TESTS)
    desk.write("farm.toml", FARM)
    out = desk.folder / "allure"
    ran = desk.run("--candidate", broken, "--baseline", good, "--alluredir", out, "--commit", "c0ffee" * 6, *options)
    return ran.status
