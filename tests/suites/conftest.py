"""A real agent on this machine, and builds of a small library for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ontarget.harness.agent.session import AgentSession
from support.c_libraries import compile_library
from support.stored_builds import StoredBuild, local_session

# One library, and the ways in which a build of it can be bad.
SOURCE = """
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int calls;

void scale(size_t n, float a, const float *x, float *y) {
#ifdef CRASHING
  abort();
#endif
#ifdef HANGING
  for (volatile int forever = 1; forever;) {}
#endif
  for (size_t i = 0; i < n; i++) y[i] = a * x[i];
#ifdef FLIPPED
  y[7] = -y[7];
#endif
#ifdef LONGER
  y[n] = 0;
#endif
#ifdef GREEDY
  y[0] += 0 * x[n];
#endif
#ifdef COARSE
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &y[i], sizeof bits);
    bits &= ~UINT32_C(0x1f);
    memcpy(&y[i], &bits, sizeof bits);
  }
#endif
#ifdef MOODY
  y[3] += 1e-7f * (float)calls++;
#endif
  (void)calls;
}

void add_to(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

#ifndef OLD
void halve(size_t n, const int8_t *x, int8_t *y) {
  for (size_t i = 0; i < n; i++) y[i] = (int8_t)(x[i] / 2);
}
#endif
"""


@pytest.fixture(scope="module")
def session() -> Iterator[AgentSession]:
    with local_session() as started:
        yield started


@pytest.fixture
def build(session: AgentSession, tmp_path: Path) -> Callable[..., StoredBuild]:
    """`build("candidate", "FLIPPED")`: the library with that fault."""

    def make(label: str, *faults: str) -> StoredBuild:
        return StoredBuild.store(session, label, compile_library(SOURCE, tmp_path, label, defines=faults))

    return make
