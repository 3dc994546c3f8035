"""The accuracy check with a real library in real processes on this machine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ontarget.harness.agent.buffers import STRICT
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.errors import Crashed, NotOffered, TimedOut, UserError
from ontarget.harness.metrics.accuracy import check
from ontarget.harness.metrics.tolerance import FloatSum
from ontarget.harness.outcomes import Outcome

Build = Callable[..., Any]

PROTOTYPES = """
void scale(size_t n, float a, const float *x, float *y);
void add_to(size_t n, const float *x, float *y);
void halve(size_t n, const int8_t *x, int8_t *y);
"""
X = np.random.default_rng(0).standard_normal(1000).astype("f4")
EXPECTED = 3.0 * X.astype("f8")
LOOSE = FloatSum(1, 100.0)


def scale(library: Process) -> Bound:
    return library.bind(PROTOTYPES, "scale", X.size, 3.0, X, library.buffer(np.zeros_like(X)))


def test_a_right_result_passes(build: Build) -> None:
    judged = check(scale, build("candidate"), build("baseline"), result="y", expected=EXPECTED)
    assert judged.outcome is Outcome.PASS
    assert judged.baseline is not None
    assert judged.candidate.digest == judged.baseline.digest
    assert judged.baseline_note == ""


def test_without_a_baseline_the_reference_alone_judges_and_the_result_says_so(build: Build) -> None:
    judged = check(scale, build("candidate"), result="y", expected=EXPECTED)
    assert judged.outcome is Outcome.PASS
    assert judged.baseline is None
    assert "no baseline" in judged.message


def test_one_flipped_output_is_wrong_and_named(build: Build) -> None:
    judged = check(scale, build("candidate", "FLIPPED"), build("baseline"), result="y", expected=EXPECTED)
    assert judged.outcome is Outcome.WRONG
    assert judged.candidate.off == 1
    assert "[7]" in judged.message


def test_lost_bits_within_the_tolerance_are_a_regression(build: Build) -> None:
    judged = check(
        scale, build("candidate", "COARSE"), build("baseline"), result="y", expected=EXPECTED, tolerance=LOOSE
    )
    assert judged.candidate.within
    assert judged.outcome is Outcome.REGRESSED
    assert "less accurate than the baseline" in judged.message


def test_a_baseline_that_is_no_better_excuses_within_the_tolerance_only(build: Build) -> None:
    coarse, old = build("candidate", "COARSE"), build("baseline", "COARSE")
    judged = check(scale, coarse, old, result="y", expected=EXPECTED, tolerance=LOOSE)
    assert judged.outcome is Outcome.PASS
    both = check(scale, build("flipped", "FLIPPED"), build("old", "FLIPPED"), result="y", expected=EXPECTED)
    assert both.outcome is Outcome.WRONG
    assert "the baseline's result is the same" in both.message
    other = check(scale, build("worse", "FLIPPED", "COARSE"), build("older", "FLIPPED"), result="y", expected=EXPECTED)
    assert other.outcome is Outcome.WRONG
    assert "the baseline is wrong too" in other.message


def test_other_bits_for_the_same_inputs_are_wrong(build: Build) -> None:
    moody = build("candidate", "MOODY")
    judged = check(scale, moody, result="y", expected=EXPECTED, tolerance=LOOSE)
    assert judged.outcome is Outcome.WRONG
    assert "1 of 1000" in judged.message
    assert "[3]" in judged.message
    allowed = check(scale, moody, result="y", expected=EXPECTED, tolerance=LOOSE, repeatable=False)
    assert allowed.outcome is Outcome.PASS


def padded(library: Process) -> Bound:
    y = library.buffer((X.size,), "f4", name="y", padding=16)
    return library.bind(PROTOTYPES, "scale", X.size, 3.0, library.buffer(X, padding=16), y)


def test_a_write_past_the_end_is_wrong_though_the_result_is_right(build: Build) -> None:
    longer = check(padded, build("candidate", "LONGER"), result="y", expected=EXPECTED, placing=STRICT)
    assert longer.candidate.within
    assert longer.outcome is Outcome.WRONG
    assert "4 bytes past the end of y were written" in longer.message
    assert check(padded, build("candidate"), result="y", expected=EXPECTED, placing=STRICT).outcome is Outcome.PASS


def test_what_is_read_past_the_end_counts_only_where_it_is_no_number(build: Build) -> None:
    greedy = build("candidate", "GREEDY")
    assert check(padded, greedy, result="y", expected=EXPECTED).outcome is Outcome.PASS
    judged = check(padded, greedy, result="y", expected=EXPECTED, placing=STRICT)
    assert judged.outcome is Outcome.WRONG
    assert "expected" in judged.message
    assert "found nan" in judged.message


def test_a_read_past_what_was_declared_crashes_and_names_the_buffer(build: Build) -> None:
    def bare(library: Process) -> Bound:
        x = library.buffer(X, name="x")
        return library.bind(PROTOTYPES, "scale", X.size, 3.0, x, library.buffer((X.size,), "f4"))

    with pytest.raises(Crashed, match="0 bytes past the end of x"):
        check(bare, build("candidate", "GREEDY"), result="y", expected=EXPECTED, placing=STRICT)


def test_a_binding_may_say_why_its_bits_vary(build: Build) -> None:
    def call(library: Process) -> Bound:
        return scale(library).varying("threads add up as they come")

    judged = check(call, build("candidate", "MOODY"), result="y", expected=EXPECTED, tolerance=LOOSE)
    assert judged.outcome is Outcome.PASS
    assert "threads add up as they come" in judged.message
    steady = check(call, build("candidate"), result="y", expected=EXPECTED)
    assert "other bits" not in steady.message


def test_a_result_that_is_an_input_too_starts_afresh_each_time(build: Build) -> None:
    def call(library: Process) -> Bound:
        return library.bind(PROTOTYPES, "add_to", X.size, X, library.buffer(2 * X))

    judged = check(call, build("candidate"), build("baseline"), result="y", expected=EXPECTED, terms=2)
    assert judged.outcome is Outcome.PASS


def test_a_crash_of_the_candidate_is_raised(build: Build) -> None:
    with pytest.raises(Crashed, match="SIGABRT") as caught:
        check(scale, build("candidate", "CRASHING"), build("baseline"), result="y", expected=EXPECTED)
    assert caught.value.function == "scale"


def test_a_hang_of_the_candidate_ends_at_its_deadline(build: Build) -> None:
    with pytest.raises(TimedOut):
        check(scale, build("candidate", "HANGING"), result="y", expected=EXPECTED, deadline=0.2)


def test_a_baseline_that_crashes_is_told_and_the_candidate_judged(build: Build) -> None:
    judged = check(scale, build("candidate"), build("baseline", "CRASHING"), result="y", expected=EXPECTED)
    assert judged.outcome is Outcome.PASS
    assert judged.baseline is None
    assert "the baseline gave no answer (crashed)" in judged.message


def test_a_function_that_the_baseline_lacks_is_no_failure_of_the_candidate(build: Build) -> None:
    x = np.arange(-128, 128, dtype="i1")

    def call(library: Process) -> Bound:
        return library.bind(PROTOTYPES, "halve", x.size, x, library.buffer(np.zeros_like(x)))

    expected = np.trunc(x / 2)
    judged = check(call, build("candidate"), build("baseline", "OLD"), result="y", expected=expected)
    assert judged.outcome is Outcome.PASS
    assert "the baseline has no such operator" in judged.message


def test_what_the_candidate_does_not_offer_is_raised(build: Build) -> None:
    def call(library: Process) -> Bound:
        raise NotOffered(f"{library.label} has no such thing")

    with pytest.raises(NotOffered, match="candidate has no such thing"):
        check(call, build("candidate"), build("baseline"), result="y", expected=EXPECTED)


@pytest.mark.parametrize(
    ("result", "expected", "message"),
    [("z", EXPECTED, r"no buffer named 'z'; it has .*'y'"), ("y", EXPECTED[:3], "1000 elements .* reference 3")],
)
def test_a_reference_that_does_not_fit_is_the_users_error(
    build: Build, result: str, expected: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check(scale, build("candidate"), result=result, expected=expected)
