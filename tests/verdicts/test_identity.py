"""What must be alike before two results are compared, and how it is told what is not."""

from dataclasses import fields, replace
from typing import Any

import pytest

from ontarget.harness.metrics.identity import Identity, identify, unlike
from support.spinning import local_device

ONE = Identity(
    test="suite.test_speech::test_latency[pi4-softmax-f32]",
    device="pi4-03",
    model="pi4",
    check="latency",
    clock="time",
    cores=(3,),
    threads=1,
    backend="cpu",
    agent="a" * 64,
    system="6.1.0-rpi; Debian 12; aarch64",
)


def test_equal_results_may_be_compared() -> None:
    assert unlike(ONE, replace(ONE)) is None


@pytest.mark.parametrize("part", [part.name for part in fields(Identity)])
def test_every_part_counts(part: str) -> None:
    value = getattr(ONE, part)
    other: Any = value + 1 if isinstance(value, int) else (0, 1) if isinstance(value, tuple) else f"b{value}"
    assert unlike(ONE, replace(ONE, **{part: other})) is not None


def test_the_reason_says_from_what_to_what() -> None:
    other = replace(ONE, system="6.6.0-rpi; Debian 12; aarch64", cores=())
    reason = unlike(ONE, other)
    assert reason is not None
    assert "the system image changed from 6.1.0-rpi; Debian 12; aarch64 to 6.6.0-rpi; Debian 12; aarch64" in reason
    assert "the cores in use changed from 3 to any" in reason


def test_a_digest_is_told_by_its_beginning() -> None:
    reason = unlike(ONE, replace(ONE, agent="b" * 64))
    assert reason == f"the agent changed from {'a' * 12}… to {'b' * 12}…"


def test_a_device_tells_its_own_parts() -> None:
    with local_device() as device:
        found = identify(device, test=ONE.test, check="latency", cores=(1,), threads=2)
    assert (found.device, found.clock, found.cores, found.threads) == (device.info.name, "time", (1,), 2)
    assert len(found.agent) == 64
    assert found.system
