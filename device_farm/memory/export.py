"""What is remembered, for other tools: rows of comparisons or of samples, as Parquet or CSV.

A file appears whole or not at all. Parquet needs pyarrow, which is imported here only.
"""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

from sqlalchemy import ColumnElement, select

from ontarget.device_farm.database import Database
from ontarget.device_farm.errors import CorruptSamples, MissingExtra
from ontarget.device_farm.memory.codec import Measured, decode
from ontarget.device_farm.memory.rows import naming
from ontarget.device_farm.memory.schema import comparisons, evidence, runs, subjects
from ontarget.device_farm.times import rfc3339
from ontarget.harness.metrics.pairs import SIDES, LaunchPair, Side
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.statistics.bursts import BurstStatistic

Row = Mapping[str, Any]
_BATCH: Final = 20_000
_PAGE: Final = 200


class Rows(StrEnum):
    """What a row is: a comparison with its verdict, one launch pair of it, or one sample."""

    COMPARISONS = "comparisons"
    PAIRS = "pairs"
    SAMPLES = "samples"


@dataclass(frozen=True)
class Wanted:
    """What to export; None for all. `since` and `until` are seconds since 1970, the latter not included."""

    tests: Sequence[str] | None = None
    device: str | None = None
    check: str | None = None
    since: float | None = None
    until: float | None = None


COLUMNS: Final[Mapping[Rows, Mapping[str, type]]] = {
    Rows.COMPARISONS: {
        "comparison": int,
        "time": str,
        "run": str,
        "commit": str,
        "branch": str,
        "test": str,
        "device": str,
        "model": str,
        "check": str,
        "clock": str,
        "cores": str,
        "threads": int,
        "backend": str,
        "agent": str,
        "system": str,
        "kind": str,
        "candidate": str,
        "baseline": str,
        "toolchain": str,
        "answer": str,
        "outcome": str,
        "accepted": int,
        "effect": float,
        "low": float,
        "high": float,
        "pairs": int,
        "flawed": int,
        "e_value": float,
        "unit": str,
        "level": float,
        "baseline_level": float,
        "tail": float,
        "spread": float,
        "ratio": float,
        "reference": str,
        "seconds": float,
        "message": str,
    },
    Rows.PAIRS: {
        "comparison": int,
        "test": str,
        "device": str,
        "check": str,
        "against": str,
        "pair": int,
        "first": str,
        "flaw": str,
        "difference": float,
        "cpu_mhz": float,
        "governor": str,
        "temperature_c": float,
        "load": float,
        "throttled": bool,
    },
    Rows.SAMPLES: {
        "comparison": int,
        "test": str,
        "device": str,
        "check": str,
        "against": str,
        "pair": int,
        "side": str,
        "warmup": bool,
        "burst": int,
        "sample": int,
        "nanoseconds": int,
        "calls": int,
    },
}
"""The columns of each kind of row, in order. `against` tells the baseline's pairs from those with the reference."""


def export(database: Database, path: Path, rows: Rows, wanted: Wanted, skipped: Callable[[str], None]) -> int:
    """Write the rows to `path`, as Parquet or CSV by its ending; returns how many.

    Samples that are damaged are left out, and `skipped` hears which. Raises MissingExtra, StoreFailed, OSError.
    """
    columns = COLUMNS[rows]
    write = parquet if path.suffix == ".parquet" else as_csv
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for row in _rows(database, rows, wanted, skipped):
            count += 1
            yield row

    with _appearing(path) as file:
        write(file, columns, counted())
    return count


def as_csv(file: BinaryIO, columns: Mapping[str, type], rows: Iterator[Row]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    writer.writerows(rows)
    text.flush()
    text.detach()


def parquet(file: BinaryIO, columns: Mapping[str, type], rows: Iterator[Row]) -> None:
    """In row groups of a few thousand rows, so that any store fits into memory. Raises MissingExtra."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra(
            "Parquet needs the package pyarrow, which is not installed: pip install 'ontarget[parquet]', or export to "
            "a file that ends in .csv"
        ) from error
    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([pa.field(name, types[kind]) for name, kind in columns.items()])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batched(rows):
            writer.write_table(pa.Table.from_pylist(list(batch), schema=schema))


def _batched(rows: Iterator[Row]) -> Iterator[Sequence[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name once it is whole."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    with ExitStack() as undo:
        undo.callback(temporary.unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        temporary.chmod(0o644)
        temporary.replace(path)


def _rows(database: Database, rows: Rows, wanted: Wanted, skipped: Callable[[str], None]) -> Iterator[Row]:
    for row in _pages(database, wanted, with_evidence=rows is not Rows.COMPARISONS):
        if rows is Rows.COMPARISONS:
            yield _summary(row)
        elif row.samples is not None:
            try:
                with naming(row.id, row.run, row.test, row.device):
                    measured = decode(row.samples)
            except CorruptSamples as error:
                skipped(str(error))
                continue
            yield from _pair_rows(row, measured) if rows is Rows.PAIRS else _sample_rows(row, measured)


def _pages(database: Database, wanted: Wanted, *, with_evidence: bool) -> Iterator[Any]:
    """The comparisons in the order in which they were kept; no transaction is held while they are written."""
    named = [column for column in subjects.c if column.name not in ("id", "key")]
    query = (
        select(comparisons, *named, runs.c.commit, runs.c.branch)
        .join(subjects, subjects.c.id == comparisons.c.subject)
        .join(runs, runs.c.id == comparisons.c.run)
        .where(*_conditions(wanted))
        .order_by(comparisons.c.id)
        .limit(_PAGE)
    )
    if with_evidence:
        query = query.add_columns(evidence.c.samples).join(evidence, evidence.c.comparison == comparisons.c.id)
    last = 0
    while True:
        with database.reading() as connection:
            page = connection.execute(query.where(comparisons.c.id > last)).all()
        if not page:
            return
        yield from page
        last = page[-1].id


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.tests is not None:
        yield subjects.c.test.in_(wanted.tests)
    if wanted.device is not None:
        yield subjects.c.device == wanted.device
    if wanted.check is not None:
        yield subjects.c.metric == wanted.check
    if wanted.since is not None:
        yield comparisons.c.at >= wanted.since
    if wanted.until is not None:
        yield comparisons.c.at < wanted.until


def _summary(row: Any) -> Row:
    values = {**row._mapping, "comparison": row.id, "time": rfc3339(row.at), "check": row.metric}
    return {name: values[name] for name in COLUMNS[Rows.COMPARISONS]}


def _named(row: Any) -> dict[str, Any]:
    return {"comparison": row.id, "test": row.test, "device": row.device, "check": row.metric}


def _all_pairs(measured: Measured) -> Iterator[tuple[str, int, LaunchPair, CallPlan | None]]:
    for number, pair in enumerate(measured.pairs):
        yield "baseline", number, pair, measured.plan
    for number, pair in enumerate(measured.level_pairs):
        yield "reference", number, pair, measured.level_plan


def _pair_rows(row: Any, measured: Measured) -> Iterator[Row]:
    statistic = measured.statistic or BurstStatistic.MEDIAN
    for against, number, pair, _ in _all_pairs(measured):
        after = asdict(pair.after)
        yield {
            **_named(row),
            "against": against,
            "pair": number,
            "first": str(pair.first),
            "flaw": pair.flaw,
            "difference": pair.difference(statistic),
            **{name: after[name] for name in ("cpu_mhz", "governor", "temperature_c", "load", "throttled")},
        }


def _sample_rows(row: Any, measured: Measured) -> Iterator[Row]:
    for against, number, pair, plan in _all_pairs(measured):
        for side in SIDES:
            told = {
                **_named(row),
                "against": against,
                "pair": number,
                "side": str(side) if side is Side.CANDIDATE else against,
                "calls": 1 if plan is None else plan.calls_per_sample,
            }
            for place, nanoseconds in enumerate(pair.warmups[side].tolist()):
                yield {**told, "warmup": True, "burst": 0, "sample": place, "nanoseconds": nanoseconds}
            for burst, samples in enumerate(pair.samples[side].tolist()):
                for place, nanoseconds in enumerate(samples):
                    yield {**told, "warmup": False, "burst": burst, "sample": place, "nanoseconds": nanoseconds}
