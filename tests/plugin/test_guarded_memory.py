"""A team's own test that asks for guarded memory."""

import pytest

from support.plugin_runs import Desk

# Reads four lanes at a time, whatever the length.
GREEDY = """
#include <stddef.h>
void scale(size_t n, float a, const float *x, float *y) {
    for (size_t i = 0; i < n; i++) y[i] = a * x[i];
    volatile float lane = 0;
    for (size_t i = n; i % 4 != 0; i++) lane += x[i];
}
"""
TEST = """
import numpy as np

from ontarget.harness.agent.buffers import STRICT

PROTOTYPES = "void scale(size_t n, float a, const float *x, float *y);"
X = np.linspace(1, 2, 10, dtype="f4")

def test_scale(candidate, accuracy):
    def call(library):
        x = library.buffer(X, name="x", padding={padding})
        return library.bind(PROTOTYPES, "scale", X.size, 3.0, x, library.buffer(X.size, "f4"))

    accuracy.check(call, candidate, result="y", expected=3.0 * X.astype("f8"), placing={placing})
"""


@pytest.mark.parametrize(
    ("padding", "placing", "outcome"), [(0, "None", "pass"), (0, "STRICT", "crashed"), (8, "STRICT", "pass")]
)
def test_an_over_read_crashes_where_it_is_asked_for_and_not_declared(
    desk: Desk, padding: int, placing: str, outcome: str
) -> None:
    library = desk.library("libscale", GREEDY)
    desk.write("test_scale.py", TEST.format(padding=padding, placing=placing))
    ran = desk.run("--on", "local", "--candidate", library, "test_scale.py")
    (record,) = ran.records()
    assert record["outcome"] == outcome, ran.output
    if outcome == "crashed":
        assert "0 bytes past the end of x" in record["message"]
