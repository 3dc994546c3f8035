"""Inputs that hurt, of every operator in every data type: sizes, values and places that ordinary layers have not."""

from collections.abc import Iterator

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet

from ontarget.harness.agent.buffers import STRICT
from ontarget.harness.binding import Binding
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.accuracy import Launcher
from ontarget.suites.cases import make_case, reference
from ontarget.suites.hard.hardships import HARDSHIPS, Hardship, judged
from ontarget.suites.hard.shapes import layer_of, shapes
from ontarget.suites.kernels import Checker, prepared
from ontarget.suites.operators import operators
from ontarget.suites.promises import promised

# What the core suite has of them: the least that shows each kind, in the dtypes that it tests.
_QUICK = ("f32", "qs8")
_DEADLINE = 5.0  # seconds: the layers are small


def _parameter(op: str, dtype: str, name: str, core: bool, *values: object) -> ParameterSet:
    kernel = pytest.mark.kernel(application="hard", operator=op, layer=f"hard_{op}_{name}", dtype=dtype)
    marks = [kernel, pytest.mark.hard, *([pytest.mark.core] if core and dtype in _QUICK else [])]
    return pytest.param(op, dtype, *values, id=f"{op}_{name}-{dtype}", marks=marks)


def _sizes() -> Iterator[ParameterSet]:
    for op, shape in shapes():
        for dtype in sorted(operators()[op].dtypes):
            yield _parameter(op, dtype, shape, shape == "primes", shape)


def _hardships() -> Iterator[ParameterSet]:
    for hardship in HARDSHIPS:
        for op, operator in operators().items():
            for dtype in sorted(operator.dtypes & hardship.dtypes):
                if op in hardship.ops:
                    yield _parameter(op, dtype, hardship.name, hardship.core, hardship)


@pytest.mark.accuracy
@pytest.mark.parametrize(("op", "dtype", "shape"), list(_sizes()))
def test_sizes(
    op: str, dtype: str, shape: str, binding: Binding, candidate: Launcher, baseline: Launcher | None, accuracy: Checker
) -> None:
    _offered(binding, op, dtype)
    case = make_case(layer_of(op, shape), dtype)
    expected = promised(binding, case, reference(case))
    accuracy.check(
        prepared(binding, case),
        candidate,
        baseline,
        expected=expected.values,
        tolerance=expected.tolerance,
        deadline=_DEADLINE,
        placing=STRICT,
    )


@pytest.mark.accuracy
@pytest.mark.parametrize(("op", "dtype", "hardship"), list(_hardships()))
def test_hardship(
    op: str,
    dtype: str,
    hardship: Hardship,
    binding: Binding,
    candidate: Launcher,
    baseline: Launcher | None,
    accuracy: Checker,
) -> None:
    _offered(binding, op, dtype)
    case = hardship.make(op, dtype)
    with np.errstate(all="ignore"):  # what is not finite is meant
        expected = judged(hardship, binding, case, reference(case))
    accuracy.check(
        prepared(binding, case),
        candidate,
        baseline,
        expected=expected.values,
        tolerance=expected.tolerance,
        deadline=_DEADLINE,
        placing=hardship.placing,
    )


def _offered(binding: Binding, op: str, dtype: str) -> None:
    if reason := binding.offers(op, dtype):
        raise NotOffered(f"{op} in {dtype}: {reason}")
