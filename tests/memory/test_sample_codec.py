"""Samples as bytes: nothing is lost, and nothing else is taken for samples."""

import json
import zlib
from dataclasses import replace
from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ontarget.device_farm.errors import CorruptSamples
from ontarget.device_farm.memory.codec import FORMAT, Measured, decode, encode
from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.pairs import SIDES, LaunchPair
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.statistics.bursts import BurstStatistic
from support.launch_pairs import launch_pair

ANY_INT64 = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CONDITIONS = st.builds(
    Conditions,
    cpu_mhz=st.none() | NUMBERS,
    governor=st.none() | st.text(),
    temperature_c=st.none() | NUMBERS,
    load=st.none() | NUMBERS,
    throttled=st.none() | st.booleans(),
    throttle_count=st.none() | st.integers(0, 2**63),
)
PAIRS = st.builds(
    LaunchPair,
    first=st.sampled_from(SIDES),
    samples=st.fixed_dictionaries(
        {
            side: arrays.arrays(np.int64, arrays.array_shapes(min_dims=2, max_dims=2, min_side=0), elements=ANY_INT64)
            for side in SIDES
        }
    ),
    warmups=st.fixed_dictionaries(
        {side: arrays.arrays(np.int64, st.integers(0, 6), elements=ANY_INT64) for side in SIDES}
    ),
    before=CONDITIONS,
    after=CONDITIONS,
    flaw=st.none() | st.text(),
)
PLANS = st.builds(CallPlan, *[st.integers(0, 1000) for _ in range(5)], deadline=st.floats(0, 1e6))
MEASURED = st.builds(
    Measured,
    pairs=st.lists(PAIRS, max_size=4).map(tuple),
    unit=st.sampled_from(["s", "instructions"]),
    per_call=NUMBERS,
    confirming=st.integers(0, 60),
    statistic=st.none() | st.sampled_from(BurstStatistic),
    plan=st.none() | PLANS,
    level_pairs=st.lists(PAIRS, max_size=2).map(tuple),
    level_plan=st.none() | PLANS,
    level_ratios=st.lists(NUMBERS).map(tuple),
)


@given(MEASURED)
def test_what_was_measured_comes_back_as_it_was(measured: Measured) -> None:
    found = decode(encode(measured))
    assert alike(found, measured)


def alike(one: Measured, other: Measured) -> bool:
    """Equality, where arrays have none."""
    batches = [(measured.pairs, measured.level_pairs) for measured in (one, other)]
    pairs = [pair for batch in zip(*batches, strict=True) for pair in zip(*batch, strict=True)]
    same = all(
        np.array_equal(getattr(a, what)[side], getattr(b, what)[side])
        for a, b in pairs
        for what in ("samples", "warmups")
        for side in SIDES
    )
    told = all((a.first, a.flaw, a.before, a.after) == (b.first, b.flaw, b.before, b.after) for a, b in pairs)
    bare = [replace(measured, pairs=(), level_pairs=()) for measured in (one, other)]
    return same and told and bare[0] == bare[1]


def test_noise_of_a_fraction_of_a_per_cent_takes_about_two_bytes_a_sample() -> None:
    rng = np.random.default_rng(1)
    pairs = tuple(launch_pair(rng) for _ in range(20))
    raw = sum(array.nbytes for pair in pairs for side in SIDES for array in (pair.samples[side], pair.warmups[side]))
    assert len(encode(Measured(pairs))) < raw / 3


@given(st.data())
def test_one_flipped_bit_anywhere_is_noticed(data: st.DataObject) -> None:
    blob = bytearray(encode(Measured((launch_pair(np.random.default_rng(2)),))))
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptSamples):
        decode(bytes(blob))


@given(st.integers(0, 10_000))
def test_a_cut_off_blob_is_noticed(size: int) -> None:
    blob = encode(Measured((launch_pair(np.random.default_rng(3)),)))
    with pytest.raises(CorruptSamples):
        decode(blob[: size % len(blob)])


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(blob: bytes) -> None:
    with pytest.raises(CorruptSamples):
        decode(blob)


HEADS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["batches", "shapes", "first", "before", "after", "unit", "plans"]),
            inner,
        )
    ),
)


@given(HEADS, st.binary(max_size=64))
def test_a_head_of_another_making_is_refused_though_its_checksum_fits(head: object, samples: bytes) -> None:
    with pytest.raises(CorruptSamples):
        decode(forged(json.dumps(head).encode(), samples))


def test_sizes_that_lie_do_not_become_an_allocation() -> None:
    with pytest.raises(CorruptSamples):
        decode(forged(b"{}", b"", claimed=0xFFFFFFFF))


def test_another_format_is_named() -> None:
    blob = bytearray(encode(Measured(())))
    blob[4] = FORMAT + 1
    with pytest.raises(CorruptSamples, match=f"expected samples in format {FORMAT}, found format {FORMAT + 1}"):
        decode(bytes(blob))


def forged(head: bytes, samples: bytes, claimed: int | None = None) -> bytes:
    """A blob as a hostile program would make it, with a checksum that fits."""
    sizes = pack("<II", len(head), len(samples) if claimed is None else claimed)
    body = sizes + zlib.compress(head + samples)
    return pack("<4sBI", b"OTSM", FORMAT, zlib.crc32(body)) + body
