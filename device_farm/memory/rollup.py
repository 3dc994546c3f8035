"""What a run comes to, kept at its end: totals by model, each device's noise and faults, and all that it found.

Pages and metrics read these few rows instead of counting comparisons.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, select, update

from ontarget.device_farm.errors import CorruptSamples
from ontarget.device_farm.memory.rows import insert_new
from ontarget.device_farm.memory.schema import comparisons, conditions, device_runs, results, subjects, totals
from ontarget.harness.outcomes import Outcome
from ontarget.harness.results import CheckRecord, RunResults

if TYPE_CHECKING:
    from ontarget.harness.conditions import Conditions

_DIGITS: Final = 6
_LEVEL: Final = 6
# A run of a million checks; what unpacks to more is damage.
_MOST_BYTES: Final = 1 << 30
NO_MODEL: Final = "no device"


def count(records: Iterable[CheckRecord]) -> Mapping[tuple[str, Outcome], int]:
    """How many checks came out how, by model."""
    return Counter((record.model or record.device or NO_MODEL, record.outcome) for record in records)


def keep(connection: Connection, run: str, at: float, found: RunResults) -> None:
    """Keep what a run came to; harmless for one that has been kept."""
    insert_new(connection, results, {"run": run, "results": pack(found)})
    for (model, outcome), number in count(found.tests).items():
        insert_new(connection, totals, {"run": run, "model": model, "outcome": str(outcome), "count": number})
    measured = _measured(connection, run)
    infra = Counter(record.device for record in found.tests if record.outcome is Outcome.INFRA)
    for device in found.devices:
        insert_new(connection, device_runs, _device_run(run, at, device.name, measured, infra, device.conditions))


def _measured(connection: Connection, run: str) -> Mapping[str, Sequence[Any]]:
    columns = subjects.c.device, subjects.c.metric, comparisons.c.spread, comparisons.c.pairs, comparisons.c.flawed
    query = select(*columns).join(subjects, subjects.c.id == comparisons.c.subject).where(comparisons.c.run == run)
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row.device, []).append(row)
    return found


def _device_run(
    run: str,
    at: float,
    device: str,
    measured: Mapping[str, Sequence[Any]],
    infra: Mapping[str | None, int],
    conditions: Mapping[str, Any],
) -> dict[str, Any]:
    rows = measured.get(device, ())
    # a clock that counts instructions has no noise to speak of
    spreads = [row.spread for row in rows if row.metric == "latency" and row.spread is not None]
    temperature = conditions.get("temperature_c")
    return {
        "run": run,
        "device": device,
        "at": at,
        "compared": len(rows),
        "infra": infra.get(device, 0),
        "pairs": sum(row.pairs for row in rows),
        "flawed": sum(row.flawed for row in rows),
        "noise": median(spreads) if spreads else None,
        "temperature_c": temperature if isinstance(temperature, int | float) else None,
    }


def note_conditions(connection: Connection, device: str, at: float, seen: "Conditions") -> None:
    """Keep what a device was doing when it was last measured."""
    values = {"at": at, "temperature_c": seen.temperature_c, "cpu_mhz": seen.cpu_mhz, "throttled": seen.throttled}
    if not connection.execute(update(conditions).where(conditions.c.device == device).values(values)).rowcount:
        insert_new(connection, conditions, {"device": device, **values})


def pack(found: RunResults) -> bytes:
    """The results as JSON through zlib, numbers to six digits: four are shown."""
    text = json.dumps(_short({"schema": found.schema, **asdict(found)}), separators=(",", ":"))
    return zlib.compress(text.encode(), _LEVEL)


def unpack(packed: bytes, run: str) -> Mapping[str, Any]:
    """What `pack` was given, as plain values. Raises CorruptSamples, naming the run."""
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, _MOST_BYTES)
        if not unpacking.eof:
            raise CorruptSamples(f"run {run}: its results are cut off, or larger than any run's")
        found: Mapping[str, Any] = json.loads(text)
    except (zlib.error, ValueError) as error:
        raise CorruptSamples(f"run {run}: its results cannot be unpacked: {error}") from error
    return found


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _short(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_short(entry) for entry in value]
    return value
