"""Parts of one read-only array as buffers: what large tensors are made of."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ontarget.harness.agent.process import Process
from ontarget.suites import noise

PROTOTYPES = "void add_to(size_t n, const float *x, float *y);"


@pytest.fixture(scope="module")
def whole() -> Any:
    array = np.random.default_rng(0).standard_normal(100_000).astype("f4")
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("start", [0, 1, 17, 1024, 16384, 99_000])
def test_a_part_is_what_it_is_wherever_it_begins(build: Callable[..., Any], whole: Any, start: int) -> None:
    process: Process = build("candidate").launch()
    part = whole[start : start + 1000].reshape(10, 100)
    buffer = process.buffer(part, padding=64)
    np.testing.assert_array_equal(process.read(buffer), part)
    assert process.digest(buffer) == hashlib.sha256(part.tobytes()).hexdigest()
    process.close()


def test_a_part_is_private_and_can_be_reset(build: Callable[..., Any], whole: Any) -> None:
    process: Process = build("candidate").launch()
    y, same = process.buffer(whole[:1000]), process.buffer(whole[:1000])
    process.call(PROTOTYPES, "add_to", 1000, whole[16384:17384], y)
    np.testing.assert_array_equal(process.read(y), whole[:1000] + whole[16384:17384])
    np.testing.assert_array_equal(process.read(same), whole[:1000])
    process.reset(y)
    np.testing.assert_array_equal(process.read(y), whole[:1000])
    process.close()


def test_after_a_part_come_zeros_not_the_rest_of_its_array(build: Callable[..., Any], whole: Any) -> None:
    process: Process = build("candidate").launch()
    x = process.buffer(whole[:1000], padding=64)
    y = process.buffer((1016,), "f4")
    process.call(PROTOTYPES, "add_to", 1016, x, y)  # reads into the padding
    found = process.read(y)
    np.testing.assert_array_equal(found[:1000], whole[:1000])
    assert not found[1000:].any()
    process.close()


def test_an_array_that_can_change_is_sent_as_it_is_now(build: Callable[..., Any]) -> None:
    process: Process = build("candidate").launch()
    array = np.zeros(100, dtype="f4")
    first = process.buffer(array[10:20])
    array[:] = 1.0
    second = process.buffer(array[10:20])
    assert process.read(first).tolist() == [0.0] * 10
    assert process.read(second).tolist() == [1.0] * 10
    process.close()


@pytest.mark.parametrize(
    ("kind", "dtype"), [("input", "f32"), ("input", "qs8"), ("weights", "f32"), ("weights", "qs8")]
)
def test_noise_is_read_only_and_begins_at_a_page(kind: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    parts = [noise.part(kind, dtype, (3, 1000), rng) for _ in range(20)]
    base = parts[0].base
    assert base is not None
    assert all(part.base is base and not part.flags.writeable for part in parts)
    offsets = {part.ctypes.data - base.ctypes.data for part in parts}
    assert len(offsets) > 5
    assert all(offset % 65536 == 0 for offset in offsets)


@pytest.mark.parametrize("dtype", ["f32", "f16", "qs8", "qu8"])
def test_a_tensor_larger_than_the_arrays_that_most_share_is_no_repetition(dtype: str) -> None:
    found = noise.part("input", dtype, (1 << 22,), np.random.default_rng(0))
    assert np.mean(found[: 1 << 21] == found[1 << 21 :]) < 0.1
