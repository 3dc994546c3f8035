"""The farm in figures, for Prometheus and as OpenMetrics text. The only place that imports prometheus_client.

Names follow https://prometheus.io/docs/practices/naming/. What counts up is read from the store at each scrape.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from ontarget.device_farm.leases.store import DeviceState
from ontarget.device_farm.memory.overview import WINDOW, Overview
from ontarget.device_farm.web.site import DeviceView, Site

_MINUTES = int(WINDOW // 60)


class FarmCollector(Collector):
    def __init__(self, site: Site) -> None:
        self._site = site

    def describe(self) -> list[Metric]:
        """Nothing: what there is depends on the farm, and is not to be asked of the store to know the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Raises StoreFailed."""
        devices = self._site.devices()
        yield from _of_devices(devices)
        yield from _of_queue(self._site.overview)
        yield from _counted(self._site.overview)


def _of_devices(devices: Sequence[DeviceView]) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "ontarget_device_state", "1 for the state a device is in", labels=["device", "model", "state"]
    )
    heat = GaugeMetricFamily("ontarget_device_temperature_celsius", "When it was last measured", labels=["device"])
    for device in devices:
        for state in DeviceState:
            words = [device.status.name, device.status.model or "", str(state)]
            states.add_metric(words, float(device.status.state is state))
        if device.seen is not None and device.seen.temperature_c is not None:
            heat.add_metric([device.status.name], device.seen.temperature_c)
    counted = Counter(device.status.state for device in devices)
    number = GaugeMetricFamily("ontarget_devices", "Devices by state", labels=["state"])
    for state in DeviceState:
        number.add_metric([str(state)], counted[state])
    yield from (number, states, heat)


def _of_queue(overview: Overview) -> Iterator[Metric]:
    queue, now = overview.queue(), overview.now()
    yield GaugeMetricFamily("ontarget_queue_length", "Requests that wait for devices", len(queue))
    oldest = max((now - place.since for place in queue if place.since is not None), default=0.0)
    yield GaugeMetricFamily(
        "ontarget_queue_oldest_wait_seconds", "How long the request that waits longest has waited", oldest
    )
    held, waited = overview.use()
    yield SummaryMetricFamily(
        "ontarget_recent_wait_seconds",
        f"How long the leases of the last {_MINUTES} minutes were waited for",
        count_value=len(waited),
        sum_value=sum(waited),
    )
    share = GaugeMetricFamily(
        "ontarget_device_utilisation_ratio",
        f"Share of the last {_MINUTES} minutes that a device was leased",
        labels=["device"],
    )
    for device, ratio in sorted(held.items()):
        share.add_metric([device], ratio)
    yield share


def _counted(overview: Overview) -> Iterator[Metric]:
    faults = CounterMetricFamily(
        "ontarget_device_faults", "Times a device was taken out of use", labels=["device", "state"]
    )
    for (device, state), count in sorted(overview.fault_counts().items()):
        faults.add_metric([device, state], count)
    infra = CounterMetricFamily(
        "ontarget_device_infra_failures", "Checks that failed for a device's sake", labels=["device"]
    )
    for device, count in sorted(overview.infra_counts().items()):
        infra.add_metric([device], count)
    verdicts = CounterMetricFamily("ontarget_checks", "Checks by outcome", labels=["model", "outcome"])
    for (model, outcome), count in sorted(overview.verdict_counts().items()):
        verdicts.add_metric([model, outcome], count)
    yield from (faults, infra, verdicts)


def exposed(site: Site, *, as_openmetrics: bool = False) -> tuple[bytes, str]:
    """The text and its media type. Raises StoreFailed."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FarmCollector(site))
    if as_openmetrics:
        text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # theirs has no types
        return text, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_LATEST
