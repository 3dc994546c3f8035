"""How tests are shared over the units of their model."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ontarget.fixtures.sharing import TOLERANCE, Job, expected, lower_bound, parallel, share

MODELS = ("alpha", "beta", "gamma")


@st.composite
def farms(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    return {
        model: tuple(f"{model}-{number}" for number in range(count))
        for model, count in zip(MODELS, counts, strict=False)
    }


@st.composite
def jobs_on(draw: st.DrawFn, units: dict[str, tuple[str, ...]]) -> list[Job]:
    jobs = []
    for number in range(draw(st.integers(0, 40))):
        model = draw(st.sampled_from(sorted(units)))
        fitting = draw(st.frozensets(st.sampled_from(units[model]))) or frozenset(units[model])
        last = draw(st.none() | st.sampled_from([*units[model], "sold"]))
        jobs.append(Job(f"test_{number}[{model}]", model, draw(st.floats(0.01, 100)), fitting, last))
    return jobs


FARMS_AND_JOBS = farms().flatmap(lambda units: st.tuples(st.just(units), jobs_on(units)))
WORKERS = st.integers(1, 10)


@given(FARMS_AND_JOBS, WORKERS)
def test_every_test_goes_to_one_unit_that_fits_it(
    given_: tuple[dict[str, tuple[str, ...]], list[Job]], workers: int
) -> None:
    units, jobs = given_
    shares = share(jobs, units, workers)
    assert sorted(name for names in shares.values() for name in names) == sorted(job.name for job in jobs)
    fitting = {job.name: job.units for job in jobs}
    assert all(unit in fitting[name] for unit, names in shares.items() for name in names)
    order = [job.name for job in jobs]
    assert all(names == sorted(names, key=order.index) for names in shares.values())


@given(FARMS_AND_JOBS, WORKERS)
def test_what_was_shared_stays_where_it_is_in_the_next_run(
    given_: tuple[dict[str, tuple[str, ...]], list[Job]], workers: int
) -> None:
    units, jobs = given_
    first = share(jobs, units, workers)
    where = {name: unit for unit, names in first.items() for name in names}
    again = [Job(job.name, job.model, job.seconds, job.units, where[job.name]) for job in jobs]
    assert share(again, units, workers) == first


@given(FARMS_AND_JOBS, WORKERS)
def test_tests_leave_their_unit_only_if_it_would_hold_up_the_run(
    given_: tuple[dict[str, tuple[str, ...]], list[Job]], workers: int
) -> None:
    units, jobs = given_
    at_home = {name: 0.0 for names in units.values() for name in names}
    for job in jobs:
        if job.last in job.units:
            at_home[job.last or ""] += job.seconds
    shares = share(jobs, units, workers)
    allowed = lower_bound(jobs, units, workers) * (1 + TOLERANCE)
    for job in jobs:
        moved = job.last in job.units and job.name not in shares[job.last or ""]
        if moved:
            load = sum(other.seconds for other in jobs if other.model == job.model)
            assert at_home[job.last or ""] > allowed or load > allowed


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=60), st.integers(1, 8))
def test_a_fresh_share_is_as_good_as_longest_first_promises(seconds: list[float], count: int) -> None:
    units = {"alpha": tuple(f"alpha-{number}" for number in range(count))}
    jobs = [Job(str(number), "alpha", one, frozenset(units["alpha"])) for number, one in enumerate(seconds)]
    loads = [sum(seconds[int(name)] for name in names) for names in share(jobs, units, count).values()]
    # Graham 1969: at most one longest test above what is shared evenly
    assert max(loads) <= (sum(seconds) / count + max(seconds) * (1 - 1 / count)) * (1 + 1e-9)


def test_more_units_than_workers_are_used_only_for_their_histories() -> None:
    units = {"alpha": ("a", "b", "c")}
    jobs = [Job(str(number), "alpha", 1.0, frozenset("abc"), "c" if number < 2 else None) for number in range(8)]
    shares = share(jobs, units, 1)
    assert len(shares["c"]) >= 2
    assert [unit for unit, names in shares.items() if names] == ["c"]


def test_workers_go_where_there_is_most_to_do_and_every_model_has_one() -> None:
    units = {"alpha": ("a1", "a2", "a3"), "beta": ("b1", "b2"), "gamma": ("g1",)}
    jobs = [Job(f"a{number}", "alpha", 10.0, frozenset(units["alpha"])) for number in range(9)]
    jobs += [Job("b", "beta", 5.0, frozenset(units["beta"])), Job("g", "gamma", 5.0, frozenset(units["gamma"]))]
    assert parallel(jobs, units, 5) == {"alpha": 3, "beta": 1, "gamma": 1}
    assert parallel(jobs, units, 2) == {"alpha": 1, "beta": 1, "gamma": 1}


@given(st.lists(st.none() | st.floats()))
def test_unknown_durations_are_taken_to_be_usual(known: list[float | None]) -> None:
    found = expected(known)
    assert len(found) == len(known)
    assert all(0 < seconds < math.inf for seconds in found)
    good = [seconds for seconds in known if seconds is not None and 0 < seconds < math.inf]
    if good and sum(good) < math.inf:
        assert [min(good) <= seconds <= max(good) * (1 + 1e-9) for seconds in found] == [True] * len(found)
