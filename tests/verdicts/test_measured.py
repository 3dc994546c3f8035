"""Builds that were really measured on this machine: what is found, and whom what goes wrong is blamed on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ontarget.harness.device import Clock, DeployedBuild, Device
from ontarget.harness.errors import Crashed, MissingSymbol, TimedOut, UntimedDevice
from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.latency import Plan, compare
from ontarget.harness.metrics.pairs import SIDES, Side
from ontarget.harness.outcomes import Answer
from support.spinning import local_device, spin, spinning

TURNS = 20_000
QUICK = Plan(pair_seconds=0.05)


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with local_device() as found:
        yield found


@pytest.fixture
def baseline(device: Device, tmp_path: Path) -> DeployedBuild:
    return device.deploy(spinning(tmp_path, "baseline"))


def candidate(device: Device, folder: Path, *, permille: int = 1000, fault: str = "") -> DeployedBuild:
    return device.deploy(spinning(folder, "candidate", permille=permille, fault=fault))


# Some thousand calls in each process, so that the 600th comes while the two take turns, however slow the machine is.
LONG = replace(QUICK, pair_seconds=0.5)


def measured(ours: DeployedBuild, theirs: DeployedBuild | None, plan: Plan = QUICK) -> Comparison:
    return compare(spin(TURNS), ours, theirs, plan=plan, rng=np.random.default_rng())


def test_the_same_code_is_not_called_slower(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    found = measured(candidate(device, tmp_path), baseline)
    assert found.check == "latency"
    assert found.verdict.answer in {Answer.PASS, Answer.INCONCLUSIVE}
    assert found.verdict.pairs == len(found.sound_pairs) >= 6


def test_a_slow_down_is_found_and_its_evidence_is_whole(
    device: Device, baseline: DeployedBuild, tmp_path: Path
) -> None:
    found = measured(candidate(device, tmp_path, permille=1300), baseline)
    assert found.verdict.answer is Answer.REGRESSED
    assert found.verdict.effect == pytest.approx(0.3, abs=0.1)
    low, high = found.verdict.interval
    assert low is not None
    assert high is not None
    assert 0.1 < low <= high < 0.6
    assert found.confirming >= 8
    assert found.plan is not None
    for pair in found.pairs:
        for side in SIDES:
            assert pair.samples[side].shape == (found.plan.bursts, found.plan.samples_per_burst)
            assert pair.warmups[side].shape == (found.plan.warmup_samples,)
    assert found.quantiles[Side.CANDIDATE].p50 > found.quantiles[Side.BASELINE].p50
    assert {pair.first for pair in found.pairs} == set(SIDES)


def test_faster_is_improved(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    assert measured(candidate(device, tmp_path, permille=700), baseline).verdict.answer is Answer.IMPROVED


@pytest.mark.parametrize("when", [1, 40, 600])
def test_a_candidate_that_crashes_is_named_and_the_device_goes_on(
    device: Device, baseline: DeployedBuild, tmp_path: Path, when: int
) -> None:
    """At its first call, as it is timed, and while the two take turns."""
    broken = candidate(device, tmp_path, fault=f"if (calls == {when}) abort()")
    with pytest.raises(Crashed, match=r"here.*spin.*candidate") as crash:
        measured(broken, baseline, LONG)
    assert crash.value.signal == "SIGABRT"
    assert measured(baseline, baseline).verdict.answer is not Answer.REGRESSED


@pytest.mark.parametrize("when", [1, 40, 600])
def test_a_baseline_that_crashes_is_not_blamed_on_the_candidate(device: Device, tmp_path: Path, when: int) -> None:
    broken = device.deploy(spinning(tmp_path, "baseline", fault=f"if (calls == {when}) abort()"))
    found = measured(candidate(device, tmp_path), broken, LONG)
    assert found.verdict.answer is Answer.INCONCLUSIVE
    assert "no usable baseline" in found.message
    assert "SIGABRT" in found.message


def test_where_both_crash_the_candidate_does(device: Device, tmp_path: Path) -> None:
    fault = "abort()"
    broken = device.deploy(spinning(tmp_path, "baseline", fault=fault))
    with pytest.raises(Crashed, match="candidate"):
        measured(candidate(device, tmp_path, fault=fault), broken)


def test_a_hang_ends_at_its_deadline(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    hanging = candidate(device, tmp_path, fault="for (;;) pause()")
    with pytest.raises(TimedOut, match="candidate"):
        measured(hanging, baseline, replace(QUICK, call_deadline=0.3))


def test_a_function_that_only_the_candidate_lacks_is_its_fault(
    device: Device, baseline: DeployedBuild, tmp_path: Path
) -> None:
    with pytest.raises(MissingSymbol, match="twirl"):
        compare(
            lambda library: library.bind("void twirl(void);", "twirl"),
            candidate(device, tmp_path),
            baseline,
            rng=np.random.default_rng(),
        )


def test_without_a_baseline_nothing_is_measured(device: Device, tmp_path: Path) -> None:
    found = measured(candidate(device, tmp_path), None)
    assert (found.verdict.answer, found.message) == (Answer.INCONCLUSIVE, "no baseline")


def test_unlike_toolchains_are_not_compared(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    other = replace(candidate(device, tmp_path), toolchain="GCC: 99.1")
    found = measured(other, baseline)
    assert found.verdict.answer is Answer.INCONCLUSIVE
    assert "GCC: 99.1" in found.message
    assert measured(replace(other, toolchain=""), baseline).verdict.pairs > 0


def test_the_budget_in_pairs_is_kept(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    found = measured(candidate(device, tmp_path, permille=1300), baseline, replace(QUICK, pairs=3))
    assert found.verdict.answer is Answer.INCONCLUSIVE
    assert "within 3 pairs" in found.message
    assert len(found.pairs) == 3


def test_both_sides_share_a_core(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    assert len(measured(candidate(device, tmp_path), baseline, replace(QUICK, pairs=1)).cores) == 1
    assert measured(candidate(device, tmp_path), baseline, replace(QUICK, pairs=1, cores=())).cores == ()


def test_nothing_is_timed_on_a_free_running_emulator(tmp_path: Path) -> None:
    with local_device(clock=Clock.NONE) as device:
        build = device.deploy(spinning(tmp_path, "candidate"))
        with pytest.raises(UntimedDevice, match="here"):
            measured(build, None)
