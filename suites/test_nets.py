"""Whole nets, end to end: run with `-m nets`, in full size with `-m "nets and full"`."""

import re
from typing import Any, Protocol

import pytest

from ontarget.harness.binding import Binding
from ontarget.harness.device import Device
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.accuracy import Launcher
from ontarget.harness.metrics.cores import fast_threads
from ontarget.suites.kernels import Checker, Comparer
from ontarget.suites.nets.building import Built, build
from ontarget.suites.nets.chain import reference
from ontarget.suites.nets.running import DTYPE, prepared
from ontarget.suites.nets.tables import SIZES, Net, nets

pytestmark = pytest.mark.nets

FAST = "fast"
"""As many threads as the device's fast cluster has cores."""


class Measurer(Protocol):
    """A fixture `shares`."""

    def measure(self, call: Any, candidate: Any, baseline: Any, /, **options: Any) -> object: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "net" in metafunc.fixturenames:
        sizes = SIZES if _wants_full(metafunc.config) else SIZES[:1]
        metafunc.parametrize(("net", "size"), [_parameters(net, size) for net in nets().values() for size in sizes])
        metafunc.parametrize("team", ["one", FAST])


def _parameters(net: Net, size: str) -> Any:
    marks = [
        pytest.mark.kernel(application=net.application, operator=net.name, layer=f"{net.name}-{size}", dtype=DTYPE)
    ]
    return pytest.param(
        net, size, id=f"{net.name}-{size}", marks=[*marks, *([pytest.mark.full] if size == "full" else [])]
    )


def _wants_full(config: pytest.Config) -> bool:
    return "full" in re.findall(r"\w+", config.option.markexpr) or any("[" in argument for argument in config.args)


@pytest.mark.latency
def test_latency(
    net: Net,
    size: str,
    team: str,
    device: Device,
    binding: Binding,
    candidate: Launcher,
    baseline: Launcher | None,
    latency: Comparer,
) -> None:
    built = build(net, size)
    latency.compare(
        prepared(binding, built), candidate, baseline, threads=_threads(team, device), deadline=_deadline(built)
    )


@pytest.mark.latency
def test_shares(
    net: Net,
    size: str,
    team: str,
    device: Device,
    binding: Binding,
    candidate: Launcher,
    baseline: Launcher | None,
    shares: Measurer,
) -> None:
    built = build(net, size)
    shares.measure(
        prepared(binding, built), candidate, baseline, threads=_threads(team, device), deadline=_deadline(built)
    )


@pytest.mark.accuracy
def test_accuracy(
    net: Net,
    size: str,
    team: str,
    device: Device,
    binding: Binding,
    candidate: Launcher,
    baseline: Launcher | None,
    accuracy: Checker,
) -> None:
    built = build(net, size)
    call = prepared(binding, built)  # before the reference: what is not offered costs none
    expected = reference(built)
    accuracy.check(
        call,
        candidate,
        baseline,
        expected=expected.values,
        tolerance=expected.tolerance,
        threads=_threads(team, device),
        deadline=_deadline(built),
    )


def _threads(team: str, device: Device) -> int:
    """Raises NotOffered where the fast cluster has one core: that is what "one" tests."""
    if team != FAST:
        return 1
    count = fast_threads(device)
    if count == 1:
        raise NotOffered("the fast cluster has one core: see the test on one thread", device=device.info.name)
    return count


def _deadline(built: Built) -> float:
    """Seconds after which the net hangs: a hundred times what the slowest core in use would take, and a margin."""
    return 5.0 + built.macs / 1e7
