"""What an e-process promises, by counting every pattern of signs: no luck, no simulation."""

from itertools import product
from math import log1p

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics import e_bh, eprocess_rule
from ontarget.harness.statistics.bets import STAKES, history_free_bets, learned_bets, median
from ontarget.harness.statistics.eprocess import EProcess

FloatArray = NDArray[np.float64]
TARGET = log1p(0.02)
PAIRS = 7
SIGNS = np.array(list(product((-1.0, 1.0), repeat=PAIRS)))
# Sizes of differences that tie, vanish, cluster in modes or lie far out.
sizes = st.one_of(
    st.sampled_from((0.0, 0.01, 0.02, 0.03, 0.05, 0.07)), st.floats(0, 0.1), st.floats(0, 10), st.just(1e-300)
)
histories = st.one_of(st.none(), arrays(np.float64, st.integers(0, 30), elements=st.floats(-0.3, 0.3)))


@st.composite
def symmetric_nulls(draw: st.DrawFn) -> FloatArray:
    """Every pattern of signs [2 ** pairs, pairs], each size an adversary's choice from all signs before it."""
    d = np.empty_like(SIGNS)
    for i in range(PAIRS):
        chosen = draw(arrays(np.float64, min(2**i, 6), elements=sizes))
        past = (SIGNS[:, :i] > 0) @ (2 ** np.arange(i))
        d[:, i] = SIGNS[:, i] * chosen[past.astype(int) % len(chosen)]
    return d


@settings(deadline=None)
@given(symmetric_nulls(), histories)
def test_under_any_symmetric_null_wealth_does_not_grow_and_rarely_gets_high(
    d: FloatArray, history: FloatArray | None
) -> None:
    values = EProcess(TARGET, history).values(d)
    assert np.all(values >= 0)
    assert np.all(values.mean(axis=0) <= 1 + 1e-9)
    highest = values.max(axis=1)
    for alpha in (0.5, 0.2, 0.1, 0.05, 0.02):
        assert np.mean(highest >= 1 / alpha) <= alpha


@settings(max_examples=6, deadline=None)
@given(symmetric_nulls(), histories)
def test_wrong_answers_are_as_rare_as_promised_whatever_the_noise(d: FloatArray, history: FloatArray | None) -> None:
    """Nothing changed: at most alpha regress. Slower by just the target: at most the pass alpha pass."""
    options = {"history": history, "smallest_effect": 0.0, "alpha": 0.05, "pass_alpha": 0.1}

    def share(series: FloatArray, answer: Answer) -> float:
        rule = eprocess_rule(**options)  # type: ignore[arg-type] # one dictionary for all
        firsts = [next(filter(None, map(rule.look, _prefixes(row))), None) for row in series]
        return sum(first is answer for first in firsts) / len(series)

    assert share(d, Answer.REGRESSED) <= 0.05
    assert share(d, Answer.IMPROVED) <= 0.05
    assert share(TARGET + d, Answer.PASS) <= 0.1


def _prefixes(row: FloatArray) -> list[FloatArray]:
    return [row[:pairs] for pairs in range(1, len(row) + 1)]


@settings(deadline=None)
@given(arrays(np.float64, st.integers(0, 12), elements=st.floats(-0.1, 0.1)), sizes, sizes)
def test_the_history_free_bets_never_fall_with_the_size(past: FloatArray, one: float, other: float) -> None:
    """So that for a faster candidate, too, their wealth is not expected to grow."""
    small, large = (history_free_bets(past, np.array(size), TARGET) for size in sorted((one, other)))
    assert np.all(small >= 0)
    assert np.all(small <= large)
    assert np.all(large <= 1)


@settings(deadline=None)
@given(arrays(np.float64, (5, 9), elements=st.floats(-0.1, 0.1)), histories)
def test_many_side_by_side_are_as_each_alone(d: FloatArray, history: FloatArray | None) -> None:
    together = EProcess(TARGET, history).values(d)
    for row, expected in zip(d, together, strict=True):
        assert EProcess(TARGET, history).values(row) == pytest.approx(expected)


def test_a_first_pair_by_hand() -> None:
    """Far out, the three stakes win all of themselves; of two Cauchy curves the learned half has its odds."""
    size = 10 * TARGET
    free = 1 + np.mean(STAKES)

    def cauchy(at: float, spread: float) -> float:
        return float(1 / (np.pi * spread * (1 + (at / spread) ** 2)))

    def density(at: float) -> float:
        return 0.9 * cauchy(at, TARGET / 4) + 0.1 * cauchy(at, 1.5 * TARGET)

    odds = []
    for shift in (0.5, 0.75, 1, 1.5, 2, 4):
        toward, away = density(size - shift * TARGET), density(size + shift * TARGET)
        odds.append((toward - away) / (toward + away))
    learned = np.mean([1 + damping * bet for bet in odds for damping in (0.75, 1)])
    found = EProcess(TARGET).values(np.array([size]))
    assert found == pytest.approx([(free + learned) / 2])


def test_pairs_without_a_difference_pay_nothing() -> None:
    """The learned half, of wealth 1, counts for nothing while the median is not above 0: half of 1 is left."""
    assert EProcess(TARGET).values(np.zeros(4)).tolist() == [0.5] * 4


def test_learned_bets_are_odds_of_the_modes_that_were_learned() -> None:
    """With modes at 0 and at 5 %, 3 % is what a slow-down of 2 % makes of a candidate's luck: bet against "slower"."""
    history = np.array([-0.05, 0.0, 0.05] * 20)
    bets = learned_bets(np.empty(0), np.array(log1p(0.05) - TARGET), TARGET, history)
    assert bets[2] < -0.5


@settings(deadline=None)
@given(arrays(np.float64, st.integers(1, 9), elements=st.floats(-1e3, 1e3)))
def test_the_median_is_numpys(values: FloatArray) -> None:
    assert median(values) == pytest.approx(np.median(values))


def test_e_bh_by_hand() -> None:
    """Of three at 5 %: one needs 3 / 0.05 = 60; two need 30 each; three need 20 each."""
    assert e_bh({"a": 100.0, "b": 30.0, "c": 5.0}) == {"a", "b"}
    assert e_bh({"a": 59.0, "b": 29.0, "c": 19.0}) == set()
    assert e_bh({"a": 20.0, "b": 20.0, "c": 20.0}) == {"a", "b", "c"}
    assert e_bh({"a": 59.0, "b": 31.0, "c": 1.0}) == {"a", "b"}
    assert e_bh({"a": 20.0}) == {"a"}
    assert e_bh({}) == set()


@settings(deadline=None)
@given(st.dictionaries(st.integers(), st.floats(0, 1e6), max_size=30), st.floats(0.001, 1))
def test_e_bh_believes_the_largest_and_enough_of_them(e_values: dict[int, float], alpha: float) -> None:
    believed = e_bh(e_values, alpha)
    rest = [value for name, value in e_values.items() if name not in believed]
    if believed:
        least = min(e_values[name] for name in believed)
        assert least * alpha * len(believed) >= len(e_values) * (1 - 1e-9)
        assert not rest or max(rest) <= least
    assert {name for name, value in e_values.items() if value * alpha > len(e_values)} <= believed


@pytest.mark.parametrize("e_values", [{"a": -1.0}, {"a": float("nan")}])
def test_e_bh_refuses_what_is_no_e_value(e_values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="e-value of at least 0"):
        e_bh(e_values)


def test_e_bh_refuses_a_level_that_is_none() -> None:
    with pytest.raises(ValueError, match="share of false discoveries"):
        e_bh({"a": 1.0}, 0.0)
