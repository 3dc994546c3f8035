"""The scheduler that deals tests to workers with devices, with workers in simulated time."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontarget.fixtures.dealing import OPENING, Dealer, Run, Take
from ontarget.fixtures.models import Models
from ontarget.fixtures.scheduling import DeviceScheduling
from ontarget.fixtures.sharing import Job, TestAndModel, lower_bound
from ontarget.fixtures.tokens import tokens
from support.simulated_workers import Clock, Go, Node, Workers


@dataclass
class History:
    seconds: dict[TestAndModel, float] = field(default_factory=dict)
    units: dict[TestAndModel, str] = field(default_factory=dict)

    def durations(self) -> Mapping[TestAndModel, float]:
        return self.seconds

    def last_units(self) -> Mapping[TestAndModel, str]:
        return self.units


@dataclass
class Simulation:
    """A run of tests on the units of a farm; `cost` may say what becomes of a test on a unit."""

    units: Mapping[str, Sequence[str]]
    seconds: Mapping[str, float]
    workers: int
    history: History = field(default_factory=History)
    fate: Callable[[str, str | None], str] = lambda _test, _unit: "runs"
    ran: list[tuple[str, str | None]] = field(default_factory=list)
    held: dict[str, str | None] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def run(self) -> float:
        models = Models({unit: {"model": (model,)} for model, units in self.units.items() for unit in units})
        self.collection = list(self.seconds)
        self.orders = tokens(models)
        clock = Clock()
        self.crew = Workers(self._begin, clock)
        hook = SimpleNamespace(pytest_runtest_logreport=lambda report: self.failed.append(report.nodeid))
        config: Any = SimpleNamespace(getvalue=lambda _name: [f"{self.workers}*popen"], hook=hook)
        self.scheduler = DeviceScheduling(config, models, history=self.history, clock=clock)
        self.crew.scheduler = self.scheduler
        return self.crew.run(self.workers, self.collection)

    def _begin(self, node: Node, number: int, go: Go) -> None:
        if number < len(self.collection):
            self.scheduler.pytest_runtest_logstart(self.collection[number])
        go(self._cost(node.name, number))

    def _cost(self, worker: str, number: int) -> float | None:
        if number >= len(self.collection):
            order = self.orders[number - len(self.collection)]
            if isinstance(order, Take):
                in_use = [name for other, name in self.held.items() if other != worker]
                assert order.unit is None or order.unit not in in_use, f"{order.unit} is taken twice"
                self.held[worker] = order.unit
            return 0.0
        test = self.collection[number]
        unit = self.held.get(worker) if "[" in test else None
        self.ran.append((test, unit))
        fate = self.fate(test, unit)
        if fate == "dies":
            self.held.pop(worker, None)
            return None
        if fate != "runs" and unit is not None:
            gone = unit if fate == "gone" else None
            move = {"device": unit, "reason": "lost", "tried": True, "gone": gone, "back": fate == "back"}
            report: Any = SimpleNamespace(nodeid=test, outcome="moved", ontarget={"move": move})
            self.scheduler.pytest_runtest_logreport(report)
        return self.seconds[test]


MODELS = ("alpha", "beta", "gamma")
FATES = ("runs", "runs", "runs", "lost", "gone", "dies")
LONGEST = 40.0


@st.composite
def simulations(draw: st.DrawFn) -> Simulation:
    counts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    units = {
        model: [f"{model}{number}" for number in range(count)] for model, count in zip(MODELS, counts, strict=False)
    }
    seconds = {}
    for number in range(draw(st.integers(0, 25))):
        model = draw(st.sampled_from([*units, ""]))
        seconds[f"test_x.py::test_{number}" + (f"[{model}]" if model else "")] = draw(
            st.sampled_from([0.1, 1.0, 7.0, 40.0])
        )
    history = History()
    for test, one in seconds.items():
        model = test.partition("[")[2].removesuffix("]")
        if model and draw(st.booleans()):
            history.seconds[test, model] = one
            history.units[test, model] = draw(st.sampled_from(units[model]))
    return Simulation(units, seconds, draw(st.integers(1, 7)), history)


@settings(deadline=None)
@given(simulations())
def test_every_test_runs_once_on_a_unit_of_its_model_however_many_workers_there_are(run: Simulation) -> None:
    run.run()
    assert sorted(test for test, _ in run.ran) == sorted(run.seconds)
    for test, unit in run.ran:
        model = test.partition("[")[2].removesuffix("]")
        assert unit in run.units[model] if model else unit is None


@settings(deadline=None)
@given(simulations(), st.data())
def test_whatever_fails_and_dies_no_test_is_lost_and_none_runs_twice_on_one_unit(
    run: Simulation, data: st.DataObject
) -> None:
    fates: dict[tuple[str, str | None], str] = {}

    def fate(test: str, unit: str | None) -> str:
        return fates.setdefault(
            (test, unit), data.draw(st.sampled_from(["runs", "runs", "runs", "lost", "gone", "dies"]))
        )

    run.fate = fate
    run.run()
    assert {test for test, _ in run.ran} | set(run.failed) == set(run.seconds)
    assert max(Counter((test, unit) for test, unit in run.ran if unit is not None).values(), default=1) == 1
    ended: dict[str, list[str]] = {}
    for test, unit in run.ran:
        ended.setdefault(test, []).append(
            fates[test, unit] if unit is not None or fates[test, unit] == "dies" else "runs"
        )
    for test, ends in ended.items():
        assert len(ends) <= 2, "moved once at most"
        assert all(end in ("lost", "gone") for end in ends[:-1]), "only what the device failed is repeated"
        assert (test in run.crew.crashed) == (ends[-1] == "dies")
        assert (test in run.failed) == (ends[-1] in ("lost", "gone"))


@settings(deadline=None)
@given(simulations(), st.data())
def test_a_test_runs_again_where_it_failed_only_if_that_unit_is_back_and_the_last(
    run: Simulation, data: st.DataObject
) -> None:
    fates: dict[tuple[str, str | None], str] = {}

    def fate(test: str, unit: str | None) -> str:
        return fates.setdefault((test, unit), data.draw(st.sampled_from(["runs", "runs", "back"])))

    run.fate = fate
    run.run()
    for test in run.seconds:
        where = [unit for name, unit in run.ran if name == test]
        model = test.partition("[")[2].removesuffix("]")
        if not model or fates[test, where[0]] == "runs":
            assert len(where) == 1
        else:
            assert len(where) == 2, "once more"
            assert (where[0] == where[1]) == (len(run.units[model]) == 1), "elsewhere, where there is another"
            assert (test in run.failed) == (fates[test, where[1]] == "back")


@settings(deadline=None)
@given(simulations())
def test_a_run_with_a_history_is_not_far_from_what_no_schedule_can_beat(run: Simulation) -> None:
    jobs = []
    for test, one in run.seconds.items():
        model = test.partition("[")[2].removesuffix("]")
        if model:
            run.history.seconds[test, model] = one
            jobs.append(Job(test, model, one, frozenset(run.units[model])))
    plain = sum(one for test, one in run.seconds.items() if "[" not in test)
    bound = lower_bound(jobs, run.units, run.workers)
    # A worker in hand has two tests at most that nobody can take off it, and takes another unit only if it is worth it.
    assert run.run() <= bound + 2 * LONGEST + OPENING + plain


def test_a_unit_that_is_slower_than_thought_is_helped_at_the_end_and_a_history_is_kept_else() -> None:
    units = {"alpha": ["one", "two"]}
    seconds = {f"test_{number}[alpha]": 10.0 for number in range(20)}
    home = {(test, "alpha"): "one" if number % 2 else "two" for number, test in enumerate(seconds)}
    as_expected = Simulation(units, seconds, 2, History({(test, "alpha"): 10.0 for test in seconds}, home))
    as_expected.run()
    assert dict(as_expected.ran) == {test: unit for (test, _), unit in home.items()}
    slower = {test: 30.0 if home[test, "alpha"] == "one" else 10.0 for test in seconds}
    helped = Simulation(units, slower, 2, History({(test, "alpha"): 10.0 for test in seconds}, home))
    makespan = helped.run()
    assert makespan < 300.0
    strangers = [test for test, unit in helped.ran if home[test, "alpha"] != unit]
    assert strangers
    assert all(home[test, "alpha"] == "one" for test in strangers)


def test_nothing_is_stolen_where_another_device_holds_up_the_run_anyway() -> None:
    units = {"alpha": ["one", "two"], "beta": ["long"]}
    seconds = {f"test_{number}[alpha]": 5.0 for number in range(10)} | {"test_slow[beta]": 500.0}
    home = {(test, "alpha"): "one" for test in seconds if "alpha" in test}
    history = History({(test, test.partition("[")[2][:-1]): one for test, one in seconds.items()}, home)
    run = Simulation(units, seconds, 3, history)
    assert run.run() == pytest.approx(500.0)
    assert {unit for _, unit in run.ran} == {"one", "long"}


def test_one_worker_takes_each_model_in_turn() -> None:
    units = {model: [model[0]] for model in MODELS}
    seconds = {f"test_{number}[{model}]": 1.0 for model in MODELS for number in range(3)}
    run = Simulation(units, seconds, 1)
    run.run()
    taken = [unit for _, unit in run.ran]
    assert taken == sorted(taken, key=taken.index)
    assert len(run.ran) == 9


def test_workers_beyond_the_units_get_nothing() -> None:
    run = Simulation({"alpha": ["one"]}, {"test_a[alpha]": 1.0, "test_b[alpha]": 1.0}, 4)
    run.run()
    assert [len(node.ran) > 0 for node in run.crew.nodes].count(True) == 1


def test_a_model_with_one_unit_comes_before_those_that_many_can_help() -> None:
    units = {"alpha": ["one", "two", "three"], "beta": ["single"]}
    seconds = {f"test_{number}[alpha]": 10.0 for number in range(30)}
    seconds |= {f"test_{number}[beta]": 10.0 for number in range(20)}
    run = Simulation(units, seconds, 1, History({(test, test.partition("[")[2][:-1]): 10.0 for test in seconds}))
    run.run()
    assert run.ran[0][1] == "single"


def test_on_a_unit_what_measures_time_comes_first_and_at_the_end_the_longest() -> None:
    jobs = [Job(str(number), "alpha", float(number + 1), frozenset({"one"}), rank=number % 2) for number in range(6)]
    dealer = Dealer(sorted(jobs, key=lambda job: job.rank), [], {"alpha": ["one"]}, 1)
    dealer.join("gw0")
    given_: list[str] = []
    ended = 0
    while not dealer.done:
        given_.extend(order.name for _, order in dealer.deal(0.0) if isinstance(order, Run))
        dealer.finished("gw0", given_[ended], 1.0, 0.0)
        ended += 1
    assert given_ == ["4", "2", "0", "5", "3", "1"]
