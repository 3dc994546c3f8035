"""Metrics beside latency: each finds what it is for, in builds that were really run."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ontarget.harness.conditions import Conditions
from ontarget.harness.device import Clock, DeployedBuild, Device
from ontarget.harness.errors import Crashed, UserError
from ontarget.harness.metrics import kinds, measuring
from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.kinds import energy
from ontarget.harness.metrics.kinds.sustained import falls_off, run
from ontarget.harness.metrics.latency import Plan, contest_of
from ontarget.harness.metrics.metric import Metric
from ontarget.harness.metrics.pairs import Side
from ontarget.harness.outcomes import Answer
from support.spinning import local_device, spin, spinning

PLAN = Plan(seconds=30.0)
TURNS = 20_000
# Some MiB that are touched at the first call, and stay.
HOG = "if (calls == 1) for (volatile char *all = malloc(3u << 20), *at = all; at < all + (3u << 20);) *at++ = 1;"
SLOW_START = "if (calls == 1) turns *= 20;"


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with local_device() as found:
        yield found


@pytest.fixture
def baseline(device: Device, tmp_path: Path) -> DeployedBuild:
    return device.deploy(spinning(tmp_path, "baseline"))


def measured(
    metric: str | Metric, candidate: DeployedBuild, baseline: DeployedBuild | None, plan: Plan = PLAN
) -> Comparison:
    return measuring.compare(
        kinds.named(metric) if isinstance(metric, str) else metric,
        spin(TURNS),
        candidate,
        baseline,
        plan=plan,
        rng=np.random.default_rng(),
        clock=time.monotonic,
        pause=time.sleep,
    )


def faulty(device: Device, folder: Path, fault: str) -> DeployedBuild:
    return device.deploy(spinning(folder, "candidate", fault=fault))


@pytest.mark.parametrize(("metric", "fault"), [("cold", SLOW_START), ("peak-memory", HOG)])
def test_what_grew_is_found_by_its_metric(
    device: Device, baseline: DeployedBuild, tmp_path: Path, metric: str, fault: str
) -> None:
    found = measured(metric, faulty(device, tmp_path, fault), baseline)
    assert found.check == metric
    assert found.verdict.answer is Answer.REGRESSED
    assert (found.verdict.effect or 0) > 0.1
    assert found.quantiles[Side.CANDIDATE].p50 > found.quantiles[Side.BASELINE].p50
    assert found.verdict.pairs == len(found.sound_pairs)


def test_the_same_build_takes_as_much_memory(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    found = measured("peak-memory", faulty(device, tmp_path, ""), baseline)
    assert found.verdict.answer in {Answer.PASS, Answer.INCONCLUSIVE}
    assert found.quantiles[Side.CANDIDATE].p50 > 1 << 16


def test_a_larger_library_is_told_exactly(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    big = faulty(device, tmp_path, "static const char all[1 << 16] = {1}; turns += ((volatile const char *)all)[9]")
    found = measured("library-size", big, baseline)
    assert found.verdict.answer is Answer.REGRESSED
    assert "larger" in found.message
    grown = found.quantiles[Side.CANDIDATE].p50 - found.quantiles[Side.BASELINE].p50
    assert 60_000 < grown < 80_000
    assert measured("library-size", baseline, big).verdict.answer is Answer.IMPROVED
    assert measured("library-size", baseline, baseline).verdict.answer is Answer.PASS


def test_counters_answer_or_say_why_they_cannot(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    slower = device.deploy(spinning(tmp_path, "candidate", permille=1300))
    found = measured("cpu-instructions", slower, baseline)
    if "cannot be counted" in found.message:
        assert found.verdict.answer is Answer.INCONCLUSIVE
    else:
        assert found.verdict.effect == pytest.approx(0.3, abs=0.02)
    several = measured("cpu-cycles", slower, baseline, replace(PLAN, threads=2))
    assert several.verdict.answer is Answer.INCONCLUSIVE
    assert "2 threads" in several.message


def test_a_device_without_a_meter_has_no_energy(baseline: DeployedBuild) -> None:
    found = measured("energy", baseline, baseline)
    assert found.verdict.answer is Answer.INCONCLUSIVE
    assert "no meter" in found.message


def test_joules_are_watts_for_the_time_of_a_call(
    device: Device, baseline: DeployedBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = tmp_path / "watts"
    meter.write_text("2\n")
    # a profile whose meter is a file: what is read of it beside the calls is what counts
    monkeypatch.setattr(device._readings, "metered", lambda: [str(meter)])
    profile = replace(device.profile, read=lambda read, _earlier=None: Conditions(watts=float(read[str(meter)] or 0)))
    monkeypatch.setattr(device._readings, "_profile", profile)
    reading = energy.METRIC.measure(contest_of(spin(TURNS), baseline, baseline, PLAN, None), Side.CANDIDATE)
    assert reading.note == "2.00 W"
    assert 2 * 1e-6 < reading.value < 2 * 1e-2  # 20,000 dependent turns take some tens of microseconds


def test_where_no_time_is_told_timed_metrics_say_so(baseline: DeployedBuild, device: Device) -> None:
    counting = replace(device.info, clock=Clock.INSTRUCTIONS)
    device.info, kept = counting, device.info
    try:
        found = measured("cold", baseline, baseline)
    finally:
        device.info = kept
    assert found.verdict.answer is Answer.INCONCLUSIVE
    assert "counts instructions" in found.message


def test_without_a_baseline_the_candidates_value_is_told(baseline: DeployedBuild) -> None:
    found = measured("library-size", baseline, None)
    assert found.verdict.answer is Answer.INCONCLUSIVE
    assert "no baseline; the candidate has" in found.message


def test_what_the_candidate_does_wrong_is_its_own(device: Device, baseline: DeployedBuild, tmp_path: Path) -> None:
    bad = faulty(device, tmp_path, "abort()")
    with pytest.raises(Crashed):
        measured("cold", bad, baseline)
    assert measured("cold", baseline, bad).verdict.answer is Answer.INCONCLUSIVE


def test_an_unknown_metric_names_those_that_there_are() -> None:
    with pytest.raises(UserError, match="peak-memory"):
        kinds.named("heat")
    assert all(kinds.named(name).name == name for name in kinds.names())


def test_where_a_run_falls_off() -> None:
    held, fell = np.full(60, 1e-3), np.r_[np.full(30, 1e-3), np.full(30, 1.3e-3)]
    assert falls_off(held) is None
    assert falls_off(fell) == 30
    # a dip that passes is no fall
    assert falls_off(np.r_[fell[:40], np.full(20, 1e-3)]) is None


def test_a_sustained_run_lasts_as_long_as_asked(baseline: DeployedBuild) -> None:
    now = iter(range(1000))
    contest = contest_of(spin(TURNS), baseline, baseline, PLAN, None)
    slices, _ = run(contest, Side.CANDIDATE, 6.5, lambda: next(now), each_slice=0.02)
    assert len(slices) == 4 + 6  # the clock is looked at from the fourth slice on
    assert (slices > 0).all()
