"""A pytest plugin that notes how long a run takes to its first verdict: `-p benchmarks.phases --phases FILE`.

The run ends there. FILE gets JSON: when what was done (seconds since 1970), how long fixtures took, and the test.
"""

import json
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest


class Phases:
    """What was noted so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at: dict[str, float] = {}
        self._fixtures: defaultdict[str, float] = defaultdict(float)
        self._session: pytest.Session | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session
        self._at["configured"] = time.time()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        self._at["collected"] = time.time()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        started = time.time()
        try:
            return (yield)
        finally:
            self._fixtures[fixturedef.argname] += time.time() - started

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        self._at["called"] = time.time()
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first test that was not skipped is it."""
        if report.when != "call" or report.skipped or self._session is None or self._session.shouldstop:
            return
        self._at["verdict"] = time.time()
        self._session.shouldstop = "the first verdict is there"
        self._path.write_text(
            json.dumps({"at": self._at, "fixtures": self._fixtures, "test": report.nodeid, "outcome": report.outcome})
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--phases", type=Path, required=True, help="where to write what was noted")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Phases(config.getoption("--phases")), "phases")
