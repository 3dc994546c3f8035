"""The samples of a comparison as bytes, and back.

Layout, little-endian: the magic `OTSM`, one byte of format version, CRC-32 of all that follows it, the sizes of the
head and of the samples (unpacked, 4 bytes each), then both through zlib: the head as JSON (what was done, each pair's
first side, flaw, conditions and shapes), and the samples. Those are whole nanoseconds, which drift more than they jump:
each array as differences from its predecessor, all of them zigzag-coded (small numbers of either sign have leading
zeros) and laid out byte plane by byte plane, so that the zeros lie together. About 2 bytes a sample remain of 8, which
is what noise of a fraction of a per cent takes.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ontarget.device_farm.errors import CorruptSamples
from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.pairs import SIDES, LaunchPair, Samples, Side
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.statistics.bursts import BurstStatistic
from ontarget.harness.steadying.readings import Moment

FORMAT: Final = 1
_MAGIC: Final = b"OTSM"
_HEADER: Final = Struct("<4sBI")
_SIZES: Final = Struct("<II")
_LEVEL: Final = 6
# More than any budget allows to measure: sizes beyond are damage, and must not become an allocation.
_MOST_BYTES: Final = 1 << 28


@dataclass(frozen=True)
class Measured:
    """What a comparison was made of: its pairs in measuring order, and how a sample is to be read, as `Comparison`.

    `level_pairs` are those of the candidate with the reference kernel, if any, timed by `level_plan`.
    """

    pairs: tuple[LaunchPair, ...]
    unit: str = "s"
    per_call: float = 1.0
    confirming: int = 0
    statistic: BurstStatistic | None = None
    plan: CallPlan | None = None
    level_pairs: tuple[LaunchPair, ...] = ()
    level_plan: CallPlan | None = None
    level_ratios: tuple[float, ...] = ()

    @classmethod
    def of(cls, comparison: Comparison) -> "Measured":
        level = comparison.level
        return cls(
            pairs=comparison.pairs,
            unit=comparison.unit,
            per_call=comparison.per_call,
            confirming=comparison.confirming,
            statistic=comparison.statistic,
            plan=comparison.plan,
            level_pairs=() if level is None else level.pairs,
            level_plan=None if level is None else level.plan,
            level_ratios=() if level is None else level.ratios,
        )


def encode(measured: Measured) -> bytes:
    """Pack the samples [any shape, whole nanoseconds] of all pairs with their conditions."""
    batches = (measured.pairs, measured.level_pairs)
    arrays = [array for batch in batches for pair in batch for array in _arrays(pair)]
    head = json.dumps(
        {
            "unit": measured.unit,
            "per_call": measured.per_call,
            "confirming": measured.confirming,
            "statistic": measured.statistic,
            "plans": [None if plan is None else asdict(plan) for plan in (measured.plan, measured.level_plan)],
            "level_ratios": measured.level_ratios,
            "batches": [[_pair_head(pair) for pair in batch] for batch in batches],
        },
        separators=(",", ":"),
    ).encode()
    samples = _to_planes(arrays)
    body = _SIZES.pack(len(head), len(samples)) + zlib.compress(head + samples, _LEVEL)
    return _HEADER.pack(_MAGIC, FORMAT, zlib.crc32(body)) + body


def decode(blob: bytes) -> Measured:
    """Return what `encode` was given. Raises CorruptSamples for bytes that it has not made, or not this version."""
    head, samples = _unpack(blob)
    try:
        return _measured(json.loads(head), samples)
    # any of these is what a head looks like that was damaged in a way that its checksum fits
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
        StopIteration,
    ) as error:
        raise CorruptSamples(f"the head of the samples makes no sense ({error})") from error


def _unpack(blob: bytes) -> tuple[bytes, bytes]:
    if len(blob) < _HEADER.size + _SIZES.size or not blob.startswith(_MAGIC):
        raise CorruptSamples(f"expected samples of ontarget, found {len(blob)} bytes that begin with {blob[:4]!r}")
    _, version, checksum = _HEADER.unpack_from(blob)
    if version != FORMAT:
        raise CorruptSamples(
            f"expected samples in format {FORMAT}, found format {version}: they were written by another ontarget"
        )
    body = blob[_HEADER.size :]
    head_size, samples_size = _SIZES.unpack_from(body)
    size = head_size + samples_size
    if zlib.crc32(body) != checksum or size > _MOST_BYTES:
        raise CorruptSamples(f"the {len(blob)} bytes of samples are damaged: their checksum does not fit")
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(body[_SIZES.size :], size + 1)
    except zlib.error as error:
        raise CorruptSamples(f"the samples cannot be unpacked: {error}") from error
    if len(plain) != size or not unpacking.eof:
        raise CorruptSamples(f"expected {size} bytes of samples, found {len(plain)}")
    return plain[:head_size], plain[head_size:]


def _pair_head(pair: LaunchPair) -> dict[str, Any]:
    return {
        "first": pair.first,
        "flaw": pair.flaw,
        "time": [pair.began, pair.ended],
        "before": _told(pair.before),
        "after": _told(pair.after),
        "during": [[moment.seconds, _told(moment.conditions)] for moment in pair.during],
        "shapes": [list(array.shape) for array in _arrays(pair)],
    }


def _arrays(pair: LaunchPair) -> Iterator[Samples]:
    """All that was timed, in the order in which it is kept."""
    for side in SIDES:
        yield pair.warmups[side]
        yield pair.samples[side]


def _told(conditions: Conditions) -> dict[str, Any]:
    return {name: value for name, value in asdict(conditions).items() if value is not None}


def _measured(head: Mapping[str, Any], samples: bytes) -> Measured:
    heads = [pair for batch in head["batches"] for pair in batch]
    if any(len(pair["shapes"]) != 2 * len(SIDES) for pair in heads):
        raise ValueError("expected warm-ups and samples of both sides")
    shapes = [tuple(int(size) for size in shape) for pair in heads for shape in pair["shapes"]]
    arrays = iter(_from_planes(samples, shapes))
    pairs, level_pairs = (tuple(_pair(pair, arrays) for pair in batch) for batch in head["batches"])
    plan, level_plan = (None if told is None else CallPlan(**told) for told in head["plans"])
    return Measured(
        pairs=pairs,
        unit=str(head["unit"]),
        per_call=float(head["per_call"]),
        confirming=int(head["confirming"]),
        statistic=None if head["statistic"] is None else BurstStatistic(head["statistic"]),
        plan=plan,
        level_pairs=level_pairs,
        level_plan=level_plan,
        level_ratios=tuple(float(ratio) for ratio in head["level_ratios"]),
    )


def _pair(head: Mapping[str, Any], arrays: Iterator[Samples]) -> LaunchPair:
    sides = {side: (next(arrays), next(arrays)) for side in SIDES}
    began, ended = (None if moment is None else float(moment) for moment in head.get("time", (None, None)))
    return LaunchPair(
        first=Side(head["first"]),
        samples={side: found[1] for side, found in sides.items()},
        warmups={side: found[0] for side, found in sides.items()},
        before=_conditions(head["before"]),
        after=_conditions(head["after"]),
        flaw=head["flaw"],
        began=began,
        ended=ended,
        during=tuple(Moment(float(at), _conditions(told)) for at, told in head.get("during", ())),
    )


def _conditions(told: Mapping[str, Any]) -> Conditions:
    known = {field.name for field in fields(Conditions)}
    return Conditions(**{name: value for name, value in told.items() if name in known})


def _to_planes(arrays: Sequence[Samples]) -> bytes:
    every = np.concatenate([np.empty(0, np.int64), *map(_steps, arrays)])
    zigzag = ((every << 1) ^ (every >> 63)).astype("<u8")
    return np.ascontiguousarray(zigzag.view(np.uint8).reshape(-1, 8).T).tobytes()


def _steps(array: Samples) -> Samples:
    """Differences from the one before, the first from 0; those too large for 64 bits wrap, and back when added up."""
    steps = array.ravel().astype(np.int64)
    steps[1:] -= steps[:-1].copy()
    return steps


def _from_planes(samples: bytes, shapes: Sequence[tuple[int, ...]]) -> list[Samples]:
    sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
    if 8 * sum(sizes) != len(samples) or any(size < 0 for shape in shapes for size in shape):
        raise ValueError(f"expected {sum(sizes)} samples, found {len(samples) / 8:g}")
    planes = np.frombuffer(samples, np.uint8).reshape(8, -1)
    zigzag: NDArray[np.uint64] = np.ascontiguousarray(planes.T).view("<u8").ravel()
    steps = (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64)
    return [
        np.cumsum(steps[end - size : end], dtype=np.int64).reshape(shape)
        for end, size, shape in zip(accumulate(sizes), sizes, shapes, strict=True)
    ]
