"""From pairs to a believed answer: looks, budgets, fresh pairs for suspects, pairs whose conditions broke."""

from dataclasses import replace

import numpy as np
import pytest

from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.evidence import Evidence, gather
from ontarget.harness.metrics.pairs import LaunchPair
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.bursts import BurstStatistic
from ontarget.harness.statistics.rules import confirmation_rule, signed_rank_rule
from support.launch_pairs import endless, launch_pair


class Clock:
    """Seconds that pass only when a pair is measured or somebody pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def reach(pairs: "list[LaunchPair] | None" = None, *, slowdown: float = 0.0, seconds: float = 60.0) -> Evidence:
    rng, clock = np.random.default_rng(5), Clock()

    def next_pair(number: int) -> LaunchPair:
        clock.now += 0.5
        return pairs[number] if pairs is not None and number < len(pairs) else launch_pair(rng, slowdown)

    return gather(
        endless(next_pair), signed_rank_rule(), confirmation_rule(), seconds=seconds, clock=clock, pause=clock.pause
    )


@pytest.mark.parametrize(
    ("slowdown", "answer", "pairs"),
    [(0.0, Answer.PASS, 6), (0.03, Answer.REGRESSED, 22), (1.0, Answer.REGRESSED, 22), (-0.04, Answer.IMPROVED, 14)],
)
def test_clear_cases(slowdown: float, answer: Answer, pairs: int) -> None:
    evidence = reach(slowdown=slowdown)
    assert evidence.answer is answer
    assert len(evidence.pairs) == pairs
    assert evidence.statistic is not None


def test_a_suspect_that_fresh_pairs_do_not_confirm_is_inconclusive() -> None:
    rng = np.random.default_rng(1)
    lucky = [launch_pair(rng, 0.03) for _ in range(14)]
    evidence = reach(lucky)
    assert evidence.first_answer is Answer.REGRESSED
    assert evidence.answer is Answer.INCONCLUSIVE
    assert evidence.suspects == 14
    assert len(evidence.pairs) > 14


def test_time_that_runs_out_is_inconclusive() -> None:
    evidence = reach(slowdown=0.03, seconds=5.0)
    assert evidence.answer is Answer.INCONCLUSIVE
    assert len(evidence.pairs) == 10


def test_a_throttled_pair_is_kept_and_measured_again() -> None:
    rng = np.random.default_rng(1)
    hot = launch_pair(rng, after=replace(Conditions(), throttled=True))
    evidence = reach([launch_pair(rng), hot])
    assert evidence.answer is Answer.PASS
    assert [pair.flaw for pair in evidence.pairs[:3]] == [None, "the device throttled", None]
    assert len(evidence.sound) == 6
    assert evidence.differences().shape == (6,)


def test_a_device_that_keeps_throttling_is_invalid_not_guessed_at() -> None:
    rng = np.random.default_rng(1)
    hot = [launch_pair(rng, after=replace(Conditions(), throttled=True)) for _ in range(20)]
    evidence = reach(hot)
    assert evidence.answer is Answer.INVALID
    assert len(evidence.pairs) == 5


def test_the_statistic_is_chosen_blind_to_the_label() -> None:
    rng = np.random.default_rng(8)
    pairs = [launch_pair(rng, 0.03, within=0.05) for _ in range(40)]
    swapped = [
        replace(pair, first=pair.first.other, samples={side: pair.samples[side.other] for side in pair.samples})
        for pair in pairs
    ]
    here, there = reach(pairs), reach(swapped)
    assert here.statistic is there.statistic
    count = min(len(here.pairs), len(there.pairs))
    assert np.allclose(here.differences()[:count], -there.differences()[:count])


def test_interruptions_that_only_add_time_make_the_minimum_stand_for_a_burst() -> None:
    rng = np.random.default_rng(8)

    def interrupted(pair: LaunchPair) -> LaunchPair:
        extra = {
            side: times + rng.exponential(3e5, times.shape).astype(np.int64) for side, times in pair.samples.items()
        }
        return replace(pair, samples=extra)

    quiet = [launch_pair(rng, within=1e-4, between=1e-4, samples=16) for _ in range(40)]
    evidence = reach([interrupted(pair) for pair in quiet])
    assert evidence.statistic is BurstStatistic.MINIMUM
