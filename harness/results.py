"""What a run leaves behind for scripts: the records of `ontarget-results.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ontarget.harness.outcomes import Answer, Outcome

SCHEMA = 1


@dataclass(frozen=True)
class Verdict:
    """A comparison's answer and the evidence for it.

    `effect` and `interval` are candidate/baseline - 1 (0.03 is 3 % slower); an interval's open end is None.
    `e_value` is None for methods that have none. `confirmed` says whether fresh pairs confirmed a suspected slow-down,
    None where nothing was suspected; `smallest_effect` what was held too small to matter, None for no such limit.
    """

    answer: Answer
    effect: float | None
    interval: tuple[float | None, float | None]
    pairs: int
    e_value: float | None = None
    confirmed: bool | None = None
    smallest_effect: float | None = None


@dataclass(frozen=True)
class CheckRecord:
    """One check of one test on one device.

    `quantiles` are p50, p90 and p99 of one call by side (in seconds, or instructions); `findings` what the same pairs
    say of other metrics (`check`, `message`, `verdict`); `accuracy` how close each side's result came to the reference;
    `self_test` what A against A says of the device. Each is None where nothing of the kind was measured. `accepted` is
    the number of the acceptance by which a regressed result passes. `operator` is what the marker `kernel` names,
    `rerun` why the test was run again, after its device had failed. `shares` are the times of a net's layers, by side.
    """

    id: str
    device: str | None
    model: str | None
    layer: str | None
    dtype: str | None
    check: str | None
    outcome: Outcome
    seconds: float
    message: str
    verdict: Verdict | None = None
    quantiles: Mapping[str, Mapping[str, float]] | None = None
    findings: tuple[Mapping[str, Any], ...] | None = None
    accuracy: Mapping[str, Any] | None = None
    self_test: Mapping[str, Any] | None = None
    accepted: int | None = None
    operator: str | None = None
    rerun: str | None = None
    shares: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class DeviceRecord:
    """A device that the run used."""

    name: str
    model: str
    kind: str
    abi: str
    conditions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunResults:
    """The whole of `ontarget-results.json`; times are RFC 3339 in UTC.

    `accepted` are the slow-downs that are meant, until their end, whether or not the run came upon them.
    """

    commit: str | None
    started: str
    finished: str
    devices: list[DeviceRecord]
    tests: list[CheckRecord]
    accepted: list[dict[str, Any]] = field(default_factory=list)
    schema: int = SCHEMA
    self_test: dict[str, Any] | None = None  # by device
    left_out: list[dict[str, Any]] = field(default_factory=list)  # tests that the budget had no room for

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
