"""A against A: what a device can tell, from its differences and from a device that is really there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ontarget.harness.conditions import Conditions
from ontarget.harness.device import Device
from ontarget.harness.metrics.comparison import Comparison, not_compared
from ontarget.harness.metrics.latency import Plan
from ontarget.harness.metrics.selftest import SelfTest, against_itself, judge, modes, replay, resolution
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics import confirmation_rule, eprocess_rule
from support.launch_pairs import launch_pair
from support.spinning import local_device, spin, spinning


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with local_device() as found:
        yield found


def told_of(slowdown: float = 0.0, *, pairs: int = 24, between: float = 0.003, seconds: float = 5.0) -> SelfTest:
    rng = np.random.default_rng(3)
    measured = tuple(launch_pair(rng, slowdown, between=between) for _ in range(pairs))
    found: Comparison = replace(not_compared("latency", ""), pairs=measured)
    return judge(found, Plan(), seconds)


def test_a_noisier_device_resolves_less() -> None:
    rng = np.random.default_rng(1)
    quiet, noisy = (resolution(rng.normal(0, deviation, 24), 60) for deviation in (0.003, 0.05))
    assert quiet is not None
    assert noisy is not None
    assert quiet < 0.02 < noisy


def test_more_pairs_resolve_more() -> None:
    d = np.random.default_rng(1).normal(0, 0.02, 24)
    few, many = resolution(d, 15) or 1.0, resolution(d, 120) or 1.0
    assert many < few


def test_what_is_too_small_to_matter_is_never_told() -> None:
    d = np.random.default_rng(1).normal(0, 1e-4, 24)
    assert (resolution(d, 60, smallest_effect=0.02) or 1.0) > 0.02


def test_too_few_pairs_resolve_nothing() -> None:
    assert resolution(np.zeros(24), 6) is None
    assert resolution(np.empty(0), 60) is None


def test_an_offset_of_one_side_is_a_false_alarm() -> None:
    found = told_of(0.05, pairs=60)
    assert found.false_alarms == ("latency",)
    assert "FALSE ALARM of latency" in found.in_words()
    assert told_of().false_alarms == ()


def test_little_time_leaves_few_pairs() -> None:
    assert told_of(seconds=24.0).pairs_in_time == 60
    assert told_of(seconds=240.0).pairs_in_time == 6


def test_launches_of_two_kinds_are_named() -> None:
    rng = np.random.default_rng(1)
    kinds = rng.normal(0, 0.001, 40) + np.where(rng.random(40) < 0.5, 0.05, 0.0) * rng.choice((-1, 1), 40)
    assert modes(kinds) == pytest.approx(0.05, abs=0.01)
    assert modes(rng.normal(0, 0.01, 40)) is None
    assert modes(np.zeros(40)) is None


def test_what_spoils_it_is_told() -> None:
    rng = np.random.default_rng(1)
    busy = Conditions(load=7.0)
    pairs = [launch_pair(rng, before=busy) for _ in range(20)]
    pairs[3] = replace(pairs[3], flaw="the device throttled")
    found = judge(replace(not_compared("latency", ""), pairs=tuple(pairs)), Plan(), 4.0)
    assert any("1 of 20 pairs measured again: the device throttled" in reason for reason in found.spoilt_by)
    assert any("load 7.0" in reason for reason in found.spoilt_by)


def test_rules_are_replayed_with_their_confirmation() -> None:
    rng = np.random.default_rng(1)
    first, second = eprocess_rule(), confirmation_rule()
    slow = rng.normal(0.05, 0.003, 60)
    assert replay(slow, first, second) is Answer.REGRESSED
    lucky = np.concatenate([slow[:16], rng.normal(0, 0.003, 40)])
    assert replay(lucky, first, second) is Answer.INCONCLUSIVE
    assert replay(rng.normal(0, 0.003, 60), first, second) is Answer.PASS


def test_a_device_is_measured_against_itself(device: Device, tmp_path: Path) -> None:
    candidate = device.deploy(spinning(tmp_path, "candidate"))
    plan = Plan(pair_seconds=0.05, pairs=8)
    comparison, found = against_itself(spin(20_000), candidate, plan=plan, rng=np.random.default_rng())
    assert found.pairs == len(comparison.sound_pairs) == 8
    assert found.pairs_in_time == 8
    assert set(found.answers) == {"latency", "latency-spread", "latency-tail"}
    assert found.between > 0
    assert comparison.message == found.in_words()
