"""Finding the commit that made it slower: it is right, proves both sides, steps around, and goes on where it was."""

import json
from collections.abc import Callable, Collection

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontarget.harness.statistics.bisection import Answer, Bisection, Measure, Purpose, Result

SPREAD = 0.005  # of a launch pair, in log units


def names(count: int) -> list[str]:
    return [f"commit{number}" for number in range(count + 1)]


def phone(culprit: int, slower: float, seed: int = 0) -> Callable[[str], float]:
    """What a launch pair of a commit and the good end says."""
    rng = np.random.default_rng(seed)

    def measure(commit: str) -> float:
        tail = rng.standard_t(3) * SPREAD / 2
        return float(tail + (np.log1p(slower) if int(commit.removeprefix("commit")) >= culprit else 0.0))

    return measure


def run(search: Bisection, measure: Callable[[str], float], broken: Collection[str] = ()) -> Answer:
    while isinstance(step := search.step, Measure):
        if step.commit in broken:
            search.cannot_measure(step.commit)
        else:
            search.tell(measure(step.commit))
    return step


@given(st.integers(1, 40), st.integers(0, 1000), st.data())
@settings(deadline=None, max_examples=20)
def test_the_culprit_is_found_and_proven(count: int, seed: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(1, count))
    answer = run(Bisection(names(count)), phone(culprit, 0.05, seed))
    assert answer.result is Result.FOUND
    assert answer.suspects == (f"commit{culprit}",)
    assert answer.probability > 0.95
    assert answer.effect == pytest.approx(0.05, abs=0.02)


def test_both_sides_of_the_edge_get_pairs_of_their_own() -> None:
    search, proofs = Bisection(names(64)), []
    measure = phone(20, 0.05)
    while isinstance(step := search.step, Measure):
        if step.purpose in (Purpose.BEFORE, Purpose.AFTER):
            proofs.append(step.commit)
        search.tell(measure(step.commit))
    assert set(proofs) == {"commit19", "commit20"}


def test_it_takes_far_fewer_pairs_than_measuring_each_commit() -> None:
    pairs = [run(Bisection(names(64)), phone(culprit, 0.05, culprit)).pairs for culprit in range(1, 65, 7)]
    assert np.mean(pairs) < 64


@given(st.integers(2, 30), st.integers(0, 1000), st.data())
@settings(deadline=None, max_examples=12)
def test_an_interrupted_search_equals_an_uninterrupted_one(count: int, seed: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(1, count))
    broken = data.draw(st.sets(st.sampled_from(names(count)[1:-1]), max_size=5)) if count > 1 else set()
    expected = run(Bisection(names(count)), phone(culprit, 0.04, seed), broken)
    search, measure = Bisection(names(count)), phone(culprit, 0.04, seed)
    while isinstance(step := search.step, Measure):
        search = Bisection.from_json(search.to_json())
        assert search.step == step
        if step.commit in broken:
            search.cannot_measure(step.commit)
        else:
            search.tell(measure(step.commit))
    assert step == expected


def test_commits_that_do_not_build_are_stepped_around() -> None:
    broken = {"commit3", "commit7", "commit11"}
    answer = run(Bisection(names(16)), phone(5, 0.05), broken)
    assert answer.suspects == ("commit5",)


def test_a_culprit_among_commits_that_do_not_build_is_a_range() -> None:
    answer = run(Bisection(names(16)), phone(8, 0.05), {"commit7", "commit8", "commit9"})
    assert answer.result is Result.FOUND
    assert answer.suspects == ("commit7", "commit8", "commit9", "commit10")
    assert answer.probability > 0.95


def test_only_the_ends_build() -> None:
    answer = run(Bisection(names(5)), phone(2, 0.05), set(names(5)[1:-1]))
    assert answer.result is Result.FOUND
    assert answer.suspects == tuple(names(5)[1:])


def test_ends_that_do_not_differ_have_no_culprit() -> None:
    answer = run(Bisection(names(20)), phone(1, 0.0))
    assert answer.result is Result.NO_DIFFERENCE
    assert answer.suspects == ()


def test_a_spent_budget_names_the_likeliest_and_says_that_nothing_is_proven() -> None:
    answer = run(Bisection(names(64), budget=20), phone(30, 0.05))
    assert answer.result is Result.UNPROVEN
    assert answer.pairs == 20
    assert len(answer.suspects) == 1
    assert sum(answer.posterior.values()) == pytest.approx(1, abs=1e-3)


def test_what_the_posterior_says_adds_up() -> None:
    search, measure = Bisection(names(12)), phone(4, 0.05)
    while isinstance(step := search.step, Measure):
        assert sum(search.posterior().values()) == pytest.approx(1)
        search.tell(measure(step.commit))


@pytest.mark.parametrize("commits", [[], ["a"], ["a", "b", "a"]])
def test_what_is_no_range_of_commits_is_refused(commits: list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        Bisection(commits)


def test_no_end_can_be_stepped_around() -> None:
    with pytest.raises(ValueError, match=r"ends"):
        Bisection(names(4)).cannot_measure("commit4")


def test_nothing_is_told_that_was_not_asked_for() -> None:
    search = Bisection(names(1))
    with pytest.raises(ValueError, match=r"finite"):
        search.tell(float("nan"))
    run(search, phone(1, 0.05))
    with pytest.raises(ValueError, match=r"ended"):
        search.tell(0.0)


@pytest.mark.parametrize("change", [{"version": 2}, {"told": [[2, 0.0]]}, {"told": 3}, {"commits": None}])
def test_a_state_that_it_did_not_write_is_refused(change: dict[str, object]) -> None:
    state = json.loads(Bisection(names(5)).to_json()) | change
    with pytest.raises(ValueError, match=r"expected"):
        Bisection.from_json(json.dumps(state))
