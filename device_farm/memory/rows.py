"""From what was measured to the rows that keep it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from enum import StrEnum
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from ontarget.device_farm.errors import CorruptSamples
from ontarget.device_farm.memory.schema import subjects
from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.identity import Identity
from ontarget.harness.metrics.pairs import Side
from ontarget.harness.results import CheckRecord

FloatArray = NDArray[np.float64]


class Kind(StrEnum):
    """What a comparison was made for."""

    COMPARE = "compare"
    SELF_TEST = "self-test"
    BISECT = "bisect"


def subject_values(identity: Identity) -> dict[str, Any]:
    """An identity as a row of `subject`; `key` is the same for the same identity, wherever it is computed."""
    values = asdict(identity)
    values["metric"] = values.pop("check")
    values["cores"] = ",".join(map(str, identity.cores))
    key = sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    return {**values, "key": key}


def identity_of(row: Any) -> Identity:
    """The identity that a row of `subject` keeps."""
    names = {field.name for field in fields(Identity)} - {"check", "cores"}
    cores = tuple(int(core) for core in row.cores.split(",") if core)
    return Identity(check=row.metric, cores=cores, **{name: getattr(row, name) for name in names})


def subject_id(connection: Connection, identity: Identity) -> int:
    """The number of an identity, made if there is none yet."""
    values = subject_values(identity)
    known = select(subjects.c.id).where(subjects.c.key == values["key"])
    found = connection.execute(known).scalar()
    if found is None:
        insert_new(connection, subjects, values)
        found = connection.execute(known).scalar_one()
    return int(found)


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row, unless there is one of this key: another process may be doing the same."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(make(table).values(dict(values)).on_conflict_do_nothing())


def comparison_values(comparison: Comparison, record: CheckRecord) -> dict[str, Any]:
    """The summary of a comparison, as far as it is a matter of what was measured."""
    verdict, level = comparison.verdict, comparison.level
    candidate, baseline = (comparison.builds.get(side) for side in (Side.CANDIDATE, Side.BASELINE))
    quantiles = comparison.quantiles
    low, high = verdict.interval
    median = quantiles[Side.CANDIDATE].p50 if Side.CANDIDATE in quantiles else None
    return {
        "candidate": None if candidate is None else candidate.digest,
        "baseline": None if baseline is None else baseline.digest,
        "answer": str(verdict.answer),
        "outcome": str(record.outcome),
        "effect": verdict.effect,
        "low": low,
        "high": high,
        "pairs": verdict.pairs,
        "flawed": sum(pair.flaw is not None for pair in comparison.pairs),
        "e_value": verdict.e_value,
        "unit": comparison.unit,
        "level": level.seconds if median is None and level is not None else median,
        "baseline_level": quantiles[Side.BASELINE].p50 if Side.BASELINE in quantiles else None,
        "tail": quantiles[Side.CANDIDATE].p99 if Side.CANDIDATE in quantiles else None,
        "spread": spread(comparison.differences()),
        "ratio": None if level is None or not level.ratios else level.value,
        "reference": None if level is None else level.reference,
        "toolchain": "" if candidate is None else candidate.toolchain,
        "findings": json.dumps([_finding(found) for found in comparison.findings]),
        "seconds": record.seconds,
        "message": record.message,
    }


def _finding(found: Any) -> dict[str, Any]:
    told = {"check": found.check, "message": found.message, **asdict(found.verdict)}
    return {**told, "answer": str(found.verdict.answer)}


def spread(differences: FloatArray) -> float | None:
    """The standard deviation of the differences [pairs], robustly (1.4826 times the median absolute deviation)."""
    if differences.size < 2:
        return None
    return 1.4826 * float(np.median(np.abs(differences - np.median(differences))))


def pack_differences(differences: FloatArray) -> bytes:
    return differences.astype("<f8").tobytes()


def unpack_differences(packed: bytes) -> FloatArray:
    """Raises ValueError for bytes that are no whole number of floats."""
    return np.frombuffer(packed, "<f8").astype(np.float64)


@contextmanager
def naming(number: int, run: str, test: str, device: str) -> Iterator[None]:
    """Say of which comparison the samples are that make no sense."""
    try:
        yield
    except CorruptSamples as error:
        raise CorruptSamples(
            f"comparison {number} (run {run}, {test}): {error}. Its summary is whole; what else is stored can be used",
            device=device,
        ) from error
