"""A pair's plan: long samples against the clock, short pairs against the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.metrics.instructions import BATCHES, LONG_BATCHES, near_ticks, plan_batches
from ontarget.harness.metrics.planning import plan_calls


@given(st.floats(1, 1e9), st.integers(1, 10**7))
def test_a_sample_is_long_against_the_clock_and_a_pair_is_bounded(call_ns: float, resolution_ns: int) -> None:
    plan = plan_calls(call_ns, resolution_ns=resolution_ns, pair_seconds=0.15)
    sample = plan.calls_per_sample * call_ns
    assert sample >= min(1000 * resolution_ns, 5e7, 9e4) * (1 - 1e-9)
    assert plan.bursts >= 7
    assert plan.discard >= (0 if call_ns >= 1e7 else 1)
    turn = plan.samples_per_burst * sample + plan.discard * call_ns
    assert 2 * plan.bursts * turn <= max(0.3e9, 2 * 7 * (3 * max(sample, 6e7) + 1e7), 14 * call_ns) * 1.01
    assert plan.deadline > 10


@pytest.mark.parametrize(("call_us", "bursts"), [(1, 20), (10, 20), (100, 20), (1000, 15), (10_000, 7), (100_000, 7)])
def test_common_kernels_take_about_a_pairs_time(call_us: int, bursts: int) -> None:
    plan = plan_calls(call_us * 1e3, resolution_ns=1, pair_seconds=0.15)
    assert abs(plan.bursts - bursts) <= 8
    calls = 2 * plan.bursts * (plan.samples_per_burst * plan.calls_per_sample + plan.discard)
    assert calls * call_us * 1e-6 <= max(0.25, 14 * call_us * 1e-6)


@given(st.floats(2, 1e9))
def test_batches_hold_equally_many_ticks_or_very_many(call_ns: float) -> None:
    plan = plan_batches(call_ns)
    batch = plan.calls_per_sample * call_ns
    assert batch <= 8e5 or near_ticks(batch) or batch >= 2e7 * (1 - 1e-9)
    assert plan.samples_per_burst == (LONG_BATCHES if call_ns >= 2e7 else BATCHES)
    assert batch <= 4e7 or plan.calls_per_sample == 1
