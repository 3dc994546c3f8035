"""How a verdict is told: words, figures, JSON, and the picture."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness import plots
from ontarget.harness.metrics.comparison import Comparison, effect_in_words, judged, not_compared
from ontarget.harness.metrics.instructions import judge
from ontarget.harness.metrics.pairs import SIDES, Side
from ontarget.harness.metrics.planning import plan_calls
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict
from ontarget.harness.statistics.bursts import BurstStatistic
from support.launch_pairs import launch_pair

SVG = "{http://www.w3.org/2000/svg}"


def comparison(slowdown: float, pairs: int) -> Comparison:
    rng = np.random.default_rng(4)
    measured = tuple(launch_pair(rng, slowdown) for _ in range(pairs))
    found = Comparison(
        "latency",
        Verdict(Answer.PASS, None, (None, None), 0),
        "no slower",
        per_call=1e-9 / 10,
        pairs=measured,
        statistic=BurstStatistic.MEDIAN,
        plan=plan_calls(1e5, resolution_ns=1, pair_seconds=0.1),
    )
    return replace(found, verdict=judged(Answer.PASS, found.differences()))


@pytest.mark.parametrize(
    ("effect", "interval", "words"),
    [
        (0.031, (0.028, 0.034), "3.1 % slower (2.8 to 3.4 %), 14 pairs"),
        (-0.031, (-0.034, -0.028), "3.1 % faster (2.8 to 3.4 %), 14 pairs"),
        (0.001, (-0.002, 0.004), "0.10 % slower (0.20 % faster to 0.40 % slower), 14 pairs"),
        (1.5, (1.4, 1.6), "150 % slower (140 to 160 %), 14 pairs"),
        (0.02, (None, None), "2.0 % slower, 14 pairs"),
        (0.0, (0.0, 0.0), "0.00 %, 14 pairs"),
        (None, (None, None), "14 pairs"),
    ],
)
def test_effects_in_words(effect: float | None, interval: tuple[float | None, float | None], words: str) -> None:
    assert effect_in_words(Verdict(Answer.PASS, effect, interval, 14)) == words


def test_the_verdict_reports_ratios_and_not_logs() -> None:
    verdict = judged(Answer.REGRESSED, np.full(8, np.log(2.0)))
    assert verdict.effect == pytest.approx(1.0)
    assert verdict.interval == pytest.approx((1.0, 1.0))
    assert judged(Answer.INCONCLUSIVE, np.full(3, 0.01)).interval == (None, None)
    assert judged(Answer.INVALID, np.empty(0)).effect is None


def test_everything_measured_is_in_the_json() -> None:
    found = comparison(0.03, 6)
    read = json.loads(json.dumps(found.to_json()))
    assert len(read["pairs"]) == 6
    first = found.pairs[0]
    for side in SIDES:
        assert read["pairs"][0][side]["samples"] == first.samples[side].tolist()
        assert read["pairs"][0][side]["warmups"] == first.warmups[side].tolist()
    assert read["pairs"][0]["first"] in {"candidate", "baseline"}
    assert len(read["differences"]) == 6
    assert {"before", "after"} <= set(read["pairs"][0])


def test_values_are_seconds_per_call() -> None:
    values = comparison(0.0, 6).values(Side.BASELINE)
    assert values.shape == (6 * 12,)
    assert np.median(values) == pytest.approx(1e6 * 1e-9 / 10, rel=0.02)


@pytest.mark.parametrize("pairs", [1, 2, 6, 30])
def test_the_picture_is_svg_that_names_both_sides(pairs: int) -> None:
    picture = plots.distributions(comparison(0.03, pairs), title="softmax[pi4-f32] costs $5 < $6 & more")
    assert picture is not None
    text = " ".join(found.text or "" for found in ET.fromstring(picture).iter(f"{SVG}text"))
    assert "softmax[pi4-f32] costs $5 < $6 & more" in text
    assert "baseline, median" in text
    assert "candidate, median" in text
    assert "µs" in text


def test_equal_values_and_nothing_at_all_can_be_drawn() -> None:
    found = comparison(0.0, 6)
    equal = {side: np.full((4, 4), 500_000) for side in SIDES}
    assert plots.distributions(replace(found, pairs=tuple(replace(pair, samples=equal) for pair in found.pairs)))
    assert plots.distributions(not_compared("latency", "no baseline")) is None


@pytest.mark.parametrize(
    ("largest", "unit", "scaled"),
    [
        (2.5e-5, "s", (1e-6, "µs")),
        (2.0, "s", (1.0, "s")),
        (1e-10, "s", (1e-9, "ns")),
        (3.2e6, "instructions", (1e6, "M instructions")),
        (12, "instructions", (1.0, "instructions")),
    ],
)
def test_values_get_an_si_prefix(largest: float, unit: str, scaled: tuple[float, str]) -> None:
    assert plots.scaled_unit(largest, unit) == scaled


@given(st.integers(10_000, 10**9), st.floats(-0.5, 0.5))
def test_counts_are_judged_at_a_part_in_a_thousand(baseline: int, effect: float) -> None:
    candidate = np.array([round(baseline * (1 + effect))])
    answer, found = judge(candidate, np.array([baseline]))
    assert abs(found - effect) < 1e-4
    if abs(effect) < 0.0009:
        assert answer is Answer.PASS
    elif abs(effect) > 0.0011:
        assert answer is (Answer.REGRESSED if effect > 0 else Answer.IMPROVED)


def test_a_timer_tick_in_a_few_batches_does_not_matter() -> None:
    batches = np.full(12, 400_000)
    ticked = batches.copy()
    ticked[[2, 9]] += 6_600
    assert judge(ticked, batches) == (Answer.PASS, 0.0)
