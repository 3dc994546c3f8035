"""From pairs to a believed answer: looks, budgets, fresh pairs for suspects, pairs whose conditions broke."""

from dataclasses import replace

import numpy as np
import pytest

from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.evidence import Evidence, gather
from ontarget.harness.metrics.pairs import LaunchPair, Side
from ontarget.harness.metrics.questions import LATENCY, TAIL, Question, longer_tailed, slower
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics import confirmation_rule, eprocess_rule
from ontarget.harness.statistics.bursts import BurstStatistic
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


MAIN = Question(LATENCY, slower, eprocess_rule(smallest_effect=0.005), confirmation_rule(smallest_effect=0.005))
OTHERS = (
    Question(TAIL, longer_tailed, eprocess_rule(target=0.25, smallest_effect=0.05), confirmation_rule(target=0.25)),
)


def reach(pairs: "list[LaunchPair] | None" = None, *, slowdown: float = 0.0, seconds: float = 60.0) -> Evidence:
    rng, clock = np.random.default_rng(5), Clock()

    def next_pair(number: int) -> LaunchPair:
        clock.now += 0.5
        return pairs[number] if pairs is not None and number < len(pairs) else launch_pair(rng, slowdown)

    return gather(endless(next_pair), MAIN, OTHERS, seconds=seconds, clock=clock, pause=clock.pause)


@pytest.mark.parametrize(
    ("slowdown", "answer", "most"),
    [(0.0, Answer.PASS, 12), (0.03, Answer.REGRESSED, 40), (1.0, Answer.REGRESSED, 40), (-0.04, Answer.IMPROVED, 30)],
)
def test_clear_cases(slowdown: float, answer: Answer, most: int) -> None:
    evidence = reach(slowdown=slowdown)
    assert evidence.answer is answer
    assert len(evidence.pairs) <= most
    assert evidence.chosen is not None
    assert evidence.main.confirmed is (True if answer is Answer.REGRESSED else None)


def test_a_suspect_that_fresh_pairs_do_not_confirm_is_inconclusive() -> None:
    rng = np.random.default_rng(1)
    needed = reach(slowdown=0.03).suspects
    evidence = reach([launch_pair(rng, 0.03) for _ in range(needed)])
    assert evidence.main.suspected
    assert evidence.answer is Answer.INCONCLUSIVE
    assert evidence.main.confirmed is False
    assert len(evidence.pairs) > evidence.suspects


def test_the_e_value_is_that_of_the_suspicion_times_that_of_the_fresh_pairs() -> None:
    evidence = reach(slowdown=0.03)
    d = evidence.differences()
    parts = MAIN.first.e_value(d[: evidence.suspects]), MAIN.second.e_value(d[evidence.suspects :])
    assert all(part is not None and part >= least for part, least in zip(parts, (4000, 100), strict=True))
    found = evidence.main.e_value(evidence.sound, evidence.statistic)
    assert found == pytest.approx((parts[0] or 0) * (parts[1] or 0))


def test_time_that_runs_out_is_inconclusive_and_keeps_its_evidence() -> None:
    evidence = reach(slowdown=0.03, seconds=3.0)
    assert evidence.answer is Answer.INCONCLUSIVE
    assert len(evidence.pairs) == 6
    assert (evidence.main.e_value(evidence.sound, evidence.statistic) or 0) > 5


def test_time_that_runs_out_before_a_statistic_is_chosen_leaves_what_was_measured() -> None:
    evidence = reach(slowdown=0.03, seconds=1.0)
    assert len(evidence.pairs) == 2
    assert evidence.chosen is not None
    assert evidence.differences().shape == (2,)


def tailed(rng: np.random.Generator, share: float) -> LaunchPair:
    """The candidate has a share of samples that take half as long again."""
    pair = launch_pair(rng, samples=40, between=1e-3, within=2e-3)
    slow = rng.random(pair.samples[Side.CANDIDATE].shape) < share
    times = np.where(slow, 1.5 * pair.samples[Side.CANDIDATE], pair.samples[Side.CANDIDATE]).astype(np.int64)
    return replace(pair, samples={**pair.samples, Side.CANDIDATE: times})


def test_a_tail_is_found_though_the_median_stands() -> None:
    rng = np.random.default_rng(2)
    evidence = reach([tailed(rng, 0.04) for _ in range(100)])
    (tail,) = evidence.others
    assert evidence.answer is Answer.PASS
    assert tail.answer is Answer.REGRESSED
    assert tail.confirmed is True


def test_nothing_is_spent_on_a_tail_that_is_not_in_sight() -> None:
    evidence = reach()
    (tail,) = evidence.others
    assert not tail.suspected
    assert len(evidence.pairs) <= 12


def test_a_candidate_that_is_faster_has_no_longer_tail_by_that() -> None:
    """The same interruptions lie farther above a lower median."""
    rng = np.random.default_rng(4)

    def make() -> LaunchPair:
        pair = launch_pair(rng, -0.3, samples=40)
        late = {side: rng.random(times.shape) < 0.03 for side, times in pair.samples.items()}
        return replace(pair, samples={s: np.where(late[s], 2_000_000, t) for s, t in pair.samples.items()})

    evidence = reach([make() for _ in range(100)])
    assert evidence.answer is Answer.IMPROVED
    assert not evidence.others[0].suspected


def test_a_throttled_pair_is_kept_and_measured_again() -> None:
    rng = np.random.default_rng(1)
    hot = launch_pair(rng, after=replace(Conditions(), throttled=True))
    evidence = reach([launch_pair(rng), hot])
    assert evidence.answer is Answer.PASS
    assert [pair.flaw for pair in evidence.pairs[:3]] == [None, "the device throttled: flagged, after the pair", None]
    assert evidence.differences().shape == (len(evidence.sound),)
    assert len(evidence.sound) == len(evidence.pairs) - 1


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
