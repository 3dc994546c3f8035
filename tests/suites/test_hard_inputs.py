"""The inputs that hurt: what they are, and how a result is judged that a library does not promise."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.closeness import measure, why_off
from ontarget.harness.metrics.tolerance import Exact, FloatSum, Reals, Ulp, Underflow, Unjudged
from ontarget.suites.bindings import xnnpack
from ontarget.suites.cases import make_case, reference
from ontarget.suites.hard.hardships import HARDSHIPS, Hardship, judged
from ontarget.suites.hard.shapes import SHAPES, layer_of, shapes, without_batch
from ontarget.suites.operators import operators
from ontarget.suites.promises import promised

F4 = np.dtype("f4")
MADE = [
    (hardship, op, dtype)
    for hardship in HARDSHIPS
    for op in sorted(hardship.ops)
    for dtype in sorted(hardship.dtypes & operators()[op].dtypes)
]


def hardship(name: str) -> Hardship:
    return next(found for found in HARDSHIPS if found.name == name)


def expected(found: Hardship, case: Case) -> Reals:
    silent: Any = SimpleNamespace(name="a binding that says nothing")
    with np.errstate(all="ignore"):
        return judged(found, silent, case, reference(case)).values


def test_every_operator_has_small_layers_that_its_reference_fits() -> None:
    assert SHAPES.keys() == operators().keys()
    for op, shape in shapes():
        case = make_case(layer_of(op, shape), min(operators()[op].dtypes))
        assert reference(case).values.size == np.prod(case.output_shape), (op, shape)


@pytest.mark.parametrize("op", sorted(hardship("empty").ops))
def test_a_layer_without_a_batch_has_no_result(op: str) -> None:
    case = make_case(without_batch(op), "f32")
    assert case.tensors["input"].size == 0
    assert reference(case).values.size == 0


def shows(found: Hardship, case: Case) -> bool:
    """Whether a case is as its hardship's name says."""
    x = case.tensors["input"]
    with np.errstate(invalid="ignore"):
        sizes = np.abs(x.astype("f8"))[np.isfinite(x)]
    match found.name:
        case "nan":
            return bool(np.isnan(x).any()) and not np.isnan(x).all()
        case "infinity":
            return bool(np.isinf(x).any()) and not np.isinf(x).all()
        case "overflow":
            return bool(np.isinf(expected(found, case)).any())
        case "denormals":
            return bool(0 < sizes.max() < np.finfo(x.dtype).tiny)
        case "underflow":
            return bool((expected(found, case) < np.finfo(x.dtype).tiny).any())
        case "large":
            return bool(sizes.max() > 100)
        case "zeros":
            return len(np.unique(x)) == 1
        case "saturation":
            return bool(np.mean(np.abs(expected(found, case)) > 128) > 0.3)
        case "extremes":
            return len(np.unique(x)) == 2 and int(x.max()) - int(x.min()) == 255
        case "empty":
            return x.size == 0
        case "in_place":
            return case.in_place
    return np.array_equal(x, make_case(layer_of(case.op, "primes"), case.dtype).tensors["input"])


def test_each_hardship_is_in_the_case_that_is_made_of_it() -> None:
    assert len(MADE) > 300
    for found, op, dtype in MADE:
        assert shows(found, found.make(op, dtype)), (found.name, op, dtype)


def test_a_sum_beyond_the_largest_number_is_infinite() -> None:
    found = hardship("overflow")
    values = expected(found, found.make("gemm", "f32"))
    assert np.isinf(values).all()


def test_what_is_not_promised_is_not_judged_and_all_else_is() -> None:
    wanted = np.array([1.0, np.nan, 3.0])
    rule = Unjudged(Ulp(1), np.isnan(wanted), "its maximum drops NaN")
    assert measure(np.array([1, 7, 3], F4), wanted, rule).within
    off = measure(np.array([1, 7, 4], F4), wanted, rule)
    assert not off.within
    assert "1 elements are not judged: its maximum drops NaN" in why_off(off, rule)
    assert not measure(np.array([1, 7, 3], F4), wanted, Ulp(1)).within


def test_what_is_lost_below_the_smallest_normal_number_is_allowed_and_no_more() -> None:
    tiny = float(np.finfo(F4).tiny)
    flushing = Underflow(Exact(), 2.0**23, "denormal numbers are off")
    assert measure(np.zeros(2, F4), np.array([tiny / 2, -tiny / 3]), flushing).within
    assert not measure(np.zeros(2, F4), np.array([tiny / 2, 3 * tiny]), flushing).within
    gradual = Underflow(FloatSum(4, 1e-44), 2)
    assert not measure(np.zeros(1, F4), np.array([tiny / 2]), gradual).within


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_a_library_without_denormal_numbers_is_held_to_all_others(dtype: str) -> None:
    case = make_case(layer_of("softmax", "primes"), dtype)
    exact = reference(case)
    held = promised(xnnpack, case, exact)
    found = exact.values.astype(case.output_dtype)
    found[exact.values < float(np.finfo(found.dtype).tiny)] = 0
    assert measure(found, held.values, held.tolerance).within
    found[0, 0] += found.dtype.type(20 * float(np.finfo(found.dtype).tiny)) + found[0, 0]
    assert not measure(found, held.values, held.tolerance).within


def test_what_is_not_promised_stays_unjudged_where_denormal_numbers_are_off() -> None:
    found = hardship("nan")
    case = found.make("max_pool2d", "f32")
    exact = reference(case)
    passed_over = np.nan_to_num(exact.values, nan=1.0).astype("f4")
    held = judged(found, xnnpack, case, exact)
    assert measure(passed_over, held.values, held.tolerance).within
    assert not measure(passed_over, exact.values, exact.tolerance).within


def test_what_cannot_be_judged_at_all_is_not_offered_with_the_reason() -> None:
    found = hardship("in_place")
    case = found.make("softmax", "f32")
    with pytest.raises(NotOffered, match="in_place: XNNPACK's own runtime"):
        judged(found, xnnpack, case, reference(case))


@pytest.mark.parametrize(
    ("op", "dtype", "name", "why"),
    [
        ("max_pool2d", "f32", "nan", "maximum"),
        ("gemm", "f16", "infinity", "clamped"),
        ("batch_gemm", "f32", "empty", "refuses"),
        ("sigmoid", "f32", "nan", None),
        ("gemm", "f32", "overflow", None),
        ("gemm", "qs8", "extremes", None),
        ("add", "qs8", "in_place", None),
    ],
)
def test_the_binding_of_xnnpack_says_what_is_not_promised(op: str, dtype: str, name: str, why: str | None) -> None:
    reason = xnnpack.unpromised(op, dtype, hardship(name).asked)
    assert (reason is None) if why is None else (reason is not None and why in reason)


def test_a_result_over_its_input_starts_from_that_input() -> None:
    found = hardship("in_place")
    case = found.make("add", "f32")
    held = judged(found, xnnpack, case, reference(case))
    np.testing.assert_array_equal(held.values, reference(replace(case, in_place=False)).values)
    with pytest.raises(NotOffered, match="does not say that output and input may share memory"):
        expected(found, case)
