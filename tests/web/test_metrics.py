"""The farm in figures, as Prometheus reads them."""

from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as prometheus
from starlette.testclient import TestClient

from ontarget.device_farm.leases.store import LeaseRequest
from ontarget.device_farm.memory.overview import Overview
from support.commands import CommandLine
from support.farm_pages import COMMITS, PageFarm, farm_file
from support.stores import StoreClock, known, opening

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def openmetrics(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # theirs has no types


def figures(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in prometheus(text)
        for sample in family.samples
    }


def at(found: Figures, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_queue_use_faults_and_verdicts_are_told(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = figures(answer.text)
    assert at(found, "ontarget_queue_length") == 1
    assert at(found, "ontarget_queue_oldest_wait_seconds") >= 0
    assert at(found, "ontarget_devices", state="leased") == 1
    assert at(found, "ontarget_device_state", device="pi-2", model="pi", state="quarantined") == 1
    assert at(found, "ontarget_device_state", device="pi-2", model="pi", state="available") == 0
    assert at(found, "ontarget_device_temperature_celsius", device="pi-1") == 61
    assert at(found, "ontarget_device_faults_total", device="pi-2", state="quarantined") == 1
    assert at(found, "ontarget_checks_total", model="pi", outcome="regressed") == 2
    assert at(found, "ontarget_checks_total", model="pi", outcome="pass") == COMMITS - 1
    assert at(found, "ontarget_checks_total", model="phone", outcome="crashed") == 1
    assert 0 < at(found, "ontarget_device_utilisation_ratio", device="pi-1") < 1


def test_who_asks_for_openmetrics_gets_it(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {"ontarget_queue_length", "ontarget_checks"} <= {family.name for family in openmetrics(answer.text)}


def test_a_file_for_a_collector_is_written_whole(one_farm: PageFarm, tmp_path: Path) -> None:
    farm_file(tmp_path, one_farm.address)
    line = CommandLine(tmp_path)
    line.done("farm", "metrics", "--openmetrics", "--file", "farm.prom")
    names = {family.name for family in openmetrics((tmp_path / "farm.prom").read_text())}
    assert "ontarget_device_faults" in names
    assert list(tmp_path.glob(".farm.prom*")) == []
    assert at(figures(line.done("farm", "metrics")), "ontarget_devices", state="leased") == 1
    refused = line.run("farm", "metrics", "--file", "no/such/folder/farm.prom")
    assert refused.returncode == 2
    assert "cannot write no/such/folder/farm.prom" in refused.stderr


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_waits_are_as_long_as_people_waited(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """By the store's clock: one got a device at once, one after 40 s, one waits since 25 s."""
    clock = StoreClock()
    with opening(kind, request) as open_store:
        store = open_store(tmp_path, clock)
        known(store, "a")

        def ask(owner: str, ticket: str) -> object:
            return store.acquire(LeaseRequest((("a",),), owner, "work", 600.0, ticket=ticket), queue=True)

        first = ask("one", "ticket-1")
        assert isinstance(first, tuple)
        for seconds in (0, 10, 15, 15):  # who waits asks again
            clock.now += seconds
            ask("two", "ticket-2")
            if seconds == 15:
                ask("three", "ticket-3")
        store.release(first[0].secret)
        assert isinstance(ask("two", "ticket-2"), tuple)
        clock.now += 10
        ask("three", "ticket-3")
        overview = Overview(store._database)  # type: ignore[attr-defined]
        held, waited = overview.use()
        assert sorted(waited) == pytest.approx([0.0, 40.0])
        assert held["a"] == pytest.approx(50 / 3600)
        (place,) = overview.queue()
        assert (place.owner, set(place.devices)) == ("three", {"a"})
        assert clock.now - (place.since or 0.0) == pytest.approx(25.0)
        store.close()
