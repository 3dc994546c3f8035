"""Builds that were really measured on this machine: what is found, and whom what goes wrong is blamed on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.conditions import Conditions
from ontarget.harness.device import Clock, DeployedBuild, Device
from ontarget.harness.errors import Crashed, MissingSymbol, TimedOut, UntimedDevice
from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.latency import Plan, compare, identity_of
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
    assert found.verdict.confirmed is True
    assert (found.verdict.e_value or 0) >= 4000
    assert {finding.check for finding in found.findings} == {"latency-spread", "latency-tail"}
    assert all(len(finding.differences) == found.verdict.pairs for finding in found.findings)
    assert found.builds[Side.CANDIDATE].digest != found.builds[Side.BASELINE].digest
    assert found.builds[Side.CANDIDATE].toolchain
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
    assert found.pairs == ()
    assert found.level is None


def test_a_level_is_told_in_turns_of_the_reference_kernel(device: Device, tmp_path: Path) -> None:
    """A build that does twice as much stands twice as high, though no build is compared with it."""
    plan = replace(QUICK, level_pairs=2)
    once, twice = (measured(candidate(device, tmp_path, permille=n), None, plan).level for n in (1000, 2000))
    assert once is not None
    assert twice is not None
    assert len(once.ratios) == 4
    assert twice.value - once.value == pytest.approx(np.log(2), abs=0.1)
    assert twice.seconds == pytest.approx(2 * once.seconds, rel=0.5)
    assert once.reference == twice.reference


def test_throttling_that_spoils_pairs_is_looked_into(
    device: Device, baseline: DeployedBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is judged, and a device that never cools down blames nobody."""
    monkeypatch.setattr(device, "conditions", lambda: Conditions(throttled=True))
    paused: list[float] = []
    found = compare(
        spin(TURNS), candidate(device, tmp_path), baseline, plan=QUICK, rng=np.random.default_rng(), pause=paused.append
    )
    assert found.verdict.answer is Answer.INVALID
    assert [(finding.check, finding.verdict.pairs) for finding in found.findings] == [("latency-throttling", 0)]
    assert found.told_findings == ()


def test_nothing_is_measured_on_an_empty_battery(
    device: Device, baseline: DeployedBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "conditions", lambda: Conditions(battery_percent=12.0, charging=False))
    found = measured(candidate(device, tmp_path), baseline, QUICK)
    assert found.verdict.answer is Answer.INVALID
    assert not found.pairs
    assert "12 %" in found.message


def test_a_device_that_stays_hot_is_measured_after_its_time_to_cool_and_it_is_said(
    device: Device, baseline: DeployedBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.profile = replace(device.profile, cool_c=45.0)
    monkeypatch.setattr(device, "conditions", lambda: Conditions(temperature_c=70.0))
    paused: list[float] = []
    found = compare(
        spin(TURNS), candidate(device, tmp_path), baseline, plan=QUICK, rng=np.random.default_rng(), pause=paused.append
    )
    assert 30 < sum(paused) <= 60
    assert found.pairs
    assert "at its start it has 70 °C, and is cool below 45 °C" in found.message


def test_a_level_is_measured_beside_a_verdict(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    found = measured(candidate(device, tmp_path), baseline, replace(QUICK, pairs=1, level_pairs=1))
    assert found.level is not None
    assert len(found.level.ratios) == 1
    assert found.verdict.pairs == 1


def test_what_was_learned_of_the_device_is_bet_on() -> None:
    """The same pairs weigh more where the device is known to be quiet than where it is known not to be."""
    rng = np.random.default_rng(1)
    quiet, noisy = (QUICK.questions(rng.normal(0, deviation, 50))[0] for deviation in (0.002, 0.05))
    d = np.full(6, 0.01)
    assert (quiet.first.e_value(d) or 0) > (noisy.first.e_value(d) or 0)


def test_a_process_knows_how_many_threads_it_may_use(device: Device, tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def call(library: Process) -> Bound:
        seen.append((library.label, library.threads))
        return spin(TURNS)(library)

    ours, theirs = candidate(device, tmp_path), device.deploy(spinning(tmp_path, "baseline"))
    plan = replace(QUICK, pairs=1, threads=2)
    found = compare(call, ours, theirs, plan=plan, rng=np.random.default_rng())
    assert found.threads == 2
    assert {count for _, count in seen} == {2}
    assert {label for label, _ in seen} == {"candidate", "baseline"}
    cores = found.cores
    identity = identity_of(device, "test", plan)
    assert (identity.cores, identity.threads) == (cores, 2)


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
