"""A farm of simulated devices under pytest workers: who holds which unit, who waits for one, how long tests take."""

import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling, LoadScheduling

from ontarget.fixtures.dealing import Take
from ontarget.fixtures.models import Models
from ontarget.fixtures.scheduling import DeviceScheduling, model_in
from ontarget.fixtures.sharing import Job, TestAndModel, lower_bound
from ontarget.fixtures.tokens import tokens
from support.simulated_workers import Clock, Go, Node, Workers

OPENING = 2.0
"""Seconds to lease a unit, connect and deploy."""


@dataclass(frozen=True)
class Suite:
    """Tests in the order of their collection, by model; seconds as they take in this run, and as in earlier ones."""

    units: Mapping[str, tuple[str, ...]]
    seconds: Mapping[str, float]
    usual: Mapping[str, float]

    def model(self, test: str) -> str:
        found = model_in(test, tuple(self.units))
        if found is None:
            raise ValueError(f"{test} names none of the models {', '.join(self.units)}")
        return found

    def bound(self, workers: int) -> float:
        """Seconds that no schedule can beat."""
        jobs = [
            Job(test, self.model(test), seconds, frozenset(self.units[self.model(test)]))
            for test, seconds in self.seconds.items()
        ]
        return lower_bound(jobs, self.units, workers)


@dataclass(frozen=True)
class History:
    seconds: Mapping[TestAndModel, float] = field(default_factory=dict)
    units: Mapping[TestAndModel, str] = field(default_factory=dict)

    def durations(self) -> Mapping[TestAndModel, float]:
        return self.seconds

    def last_units(self) -> Mapping[TestAndModel, str]:
        return self.units


@dataclass(frozen=True)
class Outcome:
    """`units` is where each test ran."""

    makespan: float
    units: Mapping[str, str]


def make_suite(units: Mapping[str, int], tests: int, chance: random.Random) -> Suite:
    """Each test on every model: from fast to ten times slower ones, a tenth more or less than usual in each run."""
    named = {model: tuple(f"{model}-{number:02}" for number in range(count)) for model, count in units.items()}
    base = [chance.lognormvariate(1.0, 1.0) for _ in range(tests)]
    seconds, usual = {}, {}
    for model in named:
        slowness = chance.lognormvariate(0.0, 0.8)
        for number, one in enumerate(base):
            test = f"tests/test_suite.py::test_layer[{model}-{number}]"
            usual[test] = slowness * one * chance.lognormvariate(0.0, 0.3)
            seconds[test] = usual[test] * chance.lognormvariate(0.0, 0.1)
    return Suite(named, seconds, usual)


class Farm:
    """Runs a suite under a scheduler. A worker holds one unit at a time, and waits for one that others hold."""

    def __init__(self, suite: Suite, workers: int) -> None:
        self._suite = suite
        self._count = workers
        self._collection = list(suite.seconds)
        self._models = Models({unit: {"model": (model,)} for model, units in suite.units.items() for unit in units})
        self._orders = tokens(self._models)
        self._clock = Clock()
        self._free = {model: deque(units) for model, units in suite.units.items()}
        self._waiting: dict[str, deque[tuple[Node, str | None, Go, float]]] = {model: deque() for model in suite.units}
        self._held: dict[str, tuple[str, str]] = {}
        self._assigned: dict[str, str | None] = {}
        self._where: dict[str, str] = {}

    def dealt(self, history: History) -> Outcome:
        return self._run(DeviceScheduling(self._config(), self._models, history=history, clock=self._clock))

    def load(self) -> Outcome:
        return self._run(LoadScheduling(self._config(), Producer("load", enabled=False)))

    def loadgroup(self) -> Outcome:
        """With a group for each model, as `xdist_group` makes them: xdist appends its name to the id."""
        self._collection = [f"{test}@{self._suite.model(test)}" for test in self._collection]
        return self._run(LoadGroupScheduling(self._config(), Producer("loadgroup", enabled=False)))

    def _run(self, scheduler: Any) -> Outcome:
        crew = Workers(self._begin, self._clock, self._through)
        crew.scheduler = scheduler
        return Outcome(crew.run(self._count, self._collection), self._where)

    def _config(self) -> Any:
        options = {"tx": [f"{self._count}*popen"], "maxschedchunk": None, "loadscopereorder": True}
        get = options.__getitem__
        return SimpleNamespace(getvalue=get, getoption=get, option=SimpleNamespace(**options), hook=SimpleNamespace())

    def _begin(self, node: Node, number: int, go: Go) -> None:
        if number >= len(self._collection):
            order = self._orders[number - len(self._collection)]
            if isinstance(order, Take):
                self._assigned[node.name] = order.unit
                held = self._held.get(node.name)
                if held is not None and held[1] != order.unit:
                    self._release(node)
            go(0.0)
            return
        test = self._collection[number].partition("@")[0]
        model, seconds = self._suite.model(test), self._suite.seconds[test]
        held = self._held.get(node.name)
        if held is not None and held[0] == model:
            self._where[test] = held[1]
            go(seconds)
            return
        self._release(node)
        self._waiting[model].append((node, self._assigned.get(node.name), self._noting(node, test, go), seconds))
        self._serve(model)

    def _noting(self, node: Node, test: str, go: Go) -> Go:
        def noted(seconds: float | None) -> None:
            self._where[test] = self._held[node.name][1]
            go(seconds)

        return noted

    def _through(self, node: Node, _number: int, following: int | None) -> None:
        """A worker gives its unit back when it knows that what follows is of another model."""
        if following is not None and following >= len(self._collection):
            return
        held = self._held.get(node.name)
        model = None if following is None else self._suite.model(self._collection[following].partition("@")[0])
        if held is not None and held[0] != model:
            self._release(node)

    def _release(self, node: Node) -> None:
        held = self._held.pop(node.name, None)
        if held is not None:
            self._free[held[0]].append(held[1])
            self._serve(held[0])

    def _serve(self, model: str) -> None:
        free, waiting = self._free[model], self._waiting[model]
        for entry in list(waiting):
            node, wanted, go, seconds = entry
            unit = wanted if wanted in free else free[0] if free and wanted is None else None
            if unit is not None:
                free.remove(unit)
                waiting.remove(entry)
                self._held[node.name] = (model, unit)
                go(OPENING + seconds)


def history_of(suite: Suite, units: Mapping[str, str], tests: Sequence[str]) -> History:
    """What earlier runs of these tests tell."""
    known = {(test, suite.model(test)): suite.usual[test] for test in tests}
    return History(known, {key: units[key[0]] for key in known if key[0] in units})
