"""How fast each build was, from sessions that drift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ontarget.device_farm.memory.levels import CAUTION, Sighting, solve

FloatArray = NDArray[np.float64]
EFFECT_ERROR, SCATTER = 0.0015, 0.015


def line(truth: FloatArray, rng: np.random.Generator) -> list[Sighting]:
    """Each commit measured once, against its parent, in a session of its own."""
    found = [Sighting("c0", float(truth[0] + rng.normal(0, SCATTER)))]
    for i in range(1, truth.size):
        session = rng.normal(0, SCATTER)
        effect = truth[i] - truth[i - 1] + rng.normal(0, EFFECT_ERROR)
        found.append(Sighting(f"c{i}", float(truth[i] + session), f"c{i - 1}", float(effect), EFFECT_ERROR))
    return found


def levels(sightings: list[Sighting]) -> FloatArray:
    solved = solve(sightings)
    return np.array([solved[f"c{i}"] for i in range(len(sightings))])


def test_steps_are_as_sharp_as_the_effects_and_the_whole_does_not_walk_away() -> None:
    rng = np.random.default_rng(1)
    errors, walks, sessions, jitter = [], [], [], []
    for _ in range(10):
        truth = np.log(1e-3) + 0.02 * (np.arange(1000) >= 500)
        seen = line(truth, rng)
        found = levels(seen)
        assert found[500] - found[499] == pytest.approx(0.02, abs=0.01)
        errors.append(np.std(found - truth))
        walks.append(np.std(np.cumsum([one.effect or 0.0 for one in seen]) - (truth - truth[0])))
        sessions.append(np.std([(one.level or 0.0) - value for one, value in zip(seen, truth, strict=True)]))
        jitter.append(np.std(np.diff(found)))
    assert np.mean(errors) < np.mean(walks) / 3
    assert np.mean(errors) < np.mean(sessions) / 1.5
    assert np.mean(jitter) < SCATTER / 4  # sessions differ by 1.4 times their scatter


def test_it_is_the_least_squares_solution() -> None:
    rng = np.random.default_rng(2)
    seen = line(np.cumsum(rng.normal(0, 0.01, 30)), rng)
    across, mean = np.eye(30) - np.eye(30, k=-1), (np.eye(30) + np.eye(30, k=-1)) / 2
    mean[0, 0] = 1
    effects = np.array([one.effect or 0.0 for one in seen])
    sessions = np.array([one.level or 0.0 for one in seen]) - effects / 2
    found = levels(seen)
    left = sessions - mean @ found
    scatter = 1.4826 * np.median(np.abs(left - np.median(left)))
    error = CAUTION * EFFECT_ERROR
    rows = np.vstack([across[1:] / error, mean / scatter])
    right = np.concatenate([effects[1:] / error, sessions / scatter])
    assert found == pytest.approx(np.linalg.lstsq(rows, right)[0], abs=2e-4)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=20))
def test_without_a_baseline_levels_are_the_sessions_own(values: list[float]) -> None:
    seen = [Sighting(f"c{i}", value) for i, value in enumerate(values)]
    assert levels(seen) == pytest.approx(np.array(values), abs=1e-9)


@given(st.floats(-30, 30), st.integers(0, 2**32))
def test_the_unit_does_not_matter(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = line(np.cumsum(rng.normal(0, 0.01, 12)), rng)
    scaled = [Sighting(one.candidate, (one.level or 0.0) + factor, one.baseline, one.effect, one.error) for one in seen]
    assert levels(scaled) - factor == pytest.approx(levels(seen), abs=1e-7)


def test_a_build_measured_often_is_one_build() -> None:
    rng = np.random.default_rng(3)
    seen = [Sighting("main", float(rng.normal(0, 0.01)), None) for _ in range(50)]
    seen += [Sighting(f"c{i}", float(rng.normal(0.05, 0.01)), "main", 0.05, 0.001) for i in range(50)]
    solved = solve(seen)
    assert solved["main"] == pytest.approx(0, abs=0.004)
    assert solved["c7"] - solved["main"] == pytest.approx(0.05, abs=0.002)


def test_builds_that_hang_on_nothing_have_no_level() -> None:
    seen = [Sighting("a", 1.0), Sighting("x", None, "y", 0.1), Sighting("b", None, "a", 0.5)]
    assert solve(seen) == {"a": pytest.approx(1.0), "b": pytest.approx(1.5)}
    assert solve(seen[1:2]) == {}
    assert solve([]) == {}
