"""What is let through, and what is not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ontarget.harness.metrics.closeness import Closeness, measure, why_off, why_regressed
from ontarget.harness.metrics.tolerance import Exact, FloatSum, Tolerance, Ulp, WithinLsb, default, spacing

F4 = np.dtype("f4")
I1 = np.dtype("i1")


def closeness(found: Any, expected: Any, tolerance: Tolerance, dtype: str = "f4") -> Closeness:
    return measure(np.array(found, dtype=dtype), np.array(expected, dtype="f8"), tolerance)


@pytest.mark.parametrize("terms", [3, 27, 288, 3200])
def test_float_sums_added_in_the_worst_order_are_let_through(terms: int) -> None:
    rng = np.random.default_rng(terms)
    a, b = rng.standard_normal((2, 400, terms)).astype("f4")
    # One after the other, the order with the largest error; NumPy's own sums go by pairs.
    found = np.cumsum(a * b, axis=1, dtype="f4")[:, -1]
    exact = np.sum(a.astype("f8") * b, axis=1)
    magnitude = np.sum(np.abs(a.astype("f8") * b), axis=1)
    assert measure(found, exact, FloatSum(terms, magnitude)).within


@pytest.mark.parametrize("terms", [3, 27, 288, 3200])
def test_one_term_that_is_left_out_is_not_let_through(terms: int) -> None:
    rng = np.random.default_rng(terms)
    a, b = rng.standard_normal((2, 400, terms))
    found = np.sum(a[:, 1:] * b[:, 1:], axis=1)
    exact, magnitude = np.sum(a * b, axis=1), np.sum(np.abs(a * b), axis=1)
    assert not measure(found.astype("f4"), exact, FloatSum(terms, magnitude)).within


def test_half_precision_sums_are_let_through_only_where_the_accumulator_says_so() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 100, 288)).astype("f4")
    found = np.cumsum((a * b).astype("f2"), axis=1, dtype="f2")[:, -1].astype("f4")
    exact, magnitude = np.sum(a.astype("f8") * b, axis=1), np.sum(np.abs(a.astype("f8") * b), axis=1)
    assert not measure(found, exact, FloatSum(288, magnitude)).within
    assert measure(found, exact, FloatSum(288, magnitude, accumulator="f2")).within


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_ulp_is_numpys(value: float) -> None:
    with np.errstate(over="ignore"):
        expected = np.spacing(np.abs(np.array(value, dtype="f4")))
    if np.isfinite(expected):  # NumPy's is infinite at the type's end
        assert spacing(np.array([value]), F4)[0] == expected


@pytest.mark.parametrize(("ulps", "within"), [(1, True), (2, True), (3, False)])
def test_ulps_are_counted_at_the_expected_value(ulps: int, within: bool) -> None:
    found = np.float32(1.0) + ulps * np.spacing(np.float32(1.0))
    result = closeness([found], [1.0], Ulp(2))
    assert result.worst_ulp == ulps
    assert result.within is within


def test_an_expected_nan_asks_for_a_nan_and_infinities_have_signs() -> None:
    nan, inf = np.nan, np.inf
    assert closeness([nan, inf, -inf], [nan, inf, -inf], Ulp(1)).within
    for found, expected in [(1.0, nan), (nan, 1.0), (inf, -inf), (inf, 1.0), (1.0, inf)]:
        result = closeness([found], [expected], FloatSum(10, 1.0))
        assert not result.within
        assert result.off == 1


def test_quantised_values_may_be_one_step_away_but_only_few_of_them() -> None:
    real = np.linspace(-100, 100, 1001) + 0.25
    rounded = np.rint(real)
    tie = rounded.copy()
    tie[3] += 1
    assert closeness(rounded, real, WithinLsb(1, 0.01), "i1").within
    assert closeness(tie, real, WithinLsb(1, 0.01), "i1").within
    up = closeness(np.ceil(real), real, WithinLsb(1, 0.01), "i1")
    assert up.off == 0
    assert not up.within
    assert "differ" in why_off(up, WithinLsb(1, 0.01))


def test_quantised_values_saturate() -> None:
    assert closeness([127, -128], [400.0, -400.0], WithinLsb(), "i1").within
    lost = closeness([-112, 112], [400.0, -400.0], WithinLsb(), "i1")  # 400 and -400 without saturation, modulo 256
    assert lost.off == 2


def test_integers_are_exact_unless_said_otherwise() -> None:
    rule = default(I1, terms=None, magnitude=None)
    assert isinstance(rule, Exact)
    assert closeness([1, 2], [1, 2], rule, "i1").within
    assert not closeness([1, 3], [1, 2], rule, "i1").within


def test_a_saxpy_is_within_the_default_of_two_terms() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 10000)).astype("f4")
    exact = 2.0 * x + y.astype("f8")
    rule = default(F4, terms=2, magnitude=None)
    assert measure(np.float32(2.0) * x + y, exact, rule).within
    flipped = (np.float32(2.0) * x + y).copy()
    flipped[7] = -flipped[7]
    assert measure(flipped, exact, rule).off == 1


def test_the_message_names_the_worst_element() -> None:
    found = np.zeros((2, 3), dtype="f4")
    found[1, 2] = 0.5
    rule = Ulp(4)
    message = why_off(measure(found, np.zeros((2, 3)), rule), rule)
    assert "1 of 6 elements" in message
    assert "[1, 2]" in message
    assert "expected 0, found 0.5" in message
    assert "4 ULP" in message


def noisy(bits: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """A reference and a result that has lost the last `bits` of its mantissa."""
    expected = np.random.default_rng(seed).standard_normal(4096)
    scale = np.float32(2.0 ** (bits - 23))
    return expected, (np.rint(expected / scale) * scale).astype("f4")


def test_three_lost_bits_are_less_accurate_though_within_the_tolerance() -> None:
    expected, good = noisy(0)
    _, bad = noisy(3)
    rule = FloatSum(300, 10.0)
    ours, theirs = measure(bad, expected, rule), measure(good, expected, rule)
    assert ours.within
    assert theirs.within
    assert why_regressed(ours, theirs)
    assert why_regressed(theirs, ours) is None
    assert why_regressed(ours, ours) is None


def test_the_first_rounding_at_all_is_no_regression() -> None:
    expected = np.random.default_rng(0).standard_normal(4096)
    rule = FloatSum(1, None)
    rounded = measure(expected.astype("f4"), expected, rule)
    exact = measure(expected.astype("f4"), expected.astype("f4").astype("f8"), rule)
    assert exact.max_error == 0
    assert why_regressed(rounded, exact) is None


def test_more_moved_steps_than_twice_the_baselines_are_less_accurate() -> None:
    real = np.random.default_rng(0).uniform(-100, 100, 100_000)
    rule = WithinLsb(1, 0.05)
    rounded = np.rint(real).astype("i1")
    few, many = rounded.copy(), rounded.copy()
    few[:20] += 1
    many[:2000] += 1
    best, close, bad = (measure(found, real, rule) for found in (rounded, few, many))
    assert why_regressed(close, best) is None
    assert why_regressed(bad, best)
    assert bad.within


def test_a_quantised_error_above_twice_the_baselines_is_less_accurate_though_allowed() -> None:
    expected = np.zeros(1000)
    rule = WithinLsb(lsb=4, share=1.0)
    by_one, by_two, by_three = (measure(np.full(1000, by, "i1"), expected, rule) for by in (1, 2, 3))
    assert by_three.within
    assert why_regressed(by_three, by_one)
    assert why_regressed(by_two, by_one) is None
    assert why_regressed(by_three, by_two) is None


def test_a_report_keeps_what_is_finite() -> None:
    summary = measure(np.array([1.0, np.nan], "f4"), np.array([1.0, 2.0]), Ulp(1)).summary()
    assert summary["max_error"] is None
    assert summary["differing"] == 1
    assert len(summary["digest"]) == 64


def test_signal_to_noise_is_in_decibels() -> None:
    result = closeness([1.1, 1.1], [1.0, 1.0], FloatSum(1, 1e9))
    assert result.sqnr_db == pytest.approx(20.0, abs=1e-4)
    quantised = closeness([15], [14.9], WithinLsb(zero_point=5), "i1")
    assert quantised.sqnr_db == pytest.approx(20 * np.log10(9.9 / 0.1), abs=1e-6)


def test_an_empty_result_is_within() -> None:
    assert closeness([], [], Ulp(1)).within


def test_two_ties_are_let_through_in_however_small_a_result() -> None:
    real = np.linspace(-50, 50, 20) + 0.25
    found = np.rint(real)
    found[:2] += 1
    assert closeness(found, real, WithinLsb(1, 1e-3), "i1").within
    found[2] += 1
    assert not closeness(found, real, WithinLsb(1, 1e-3), "i1").within
