"""What the pages are made from: the farm's devices, its runs, its memory; and how pages name each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from ontarget.device_farm.errors import NoSuchDevice
from ontarget.device_farm.git import WorkTree
from ontarget.device_farm.leases.store import DeviceStatus
from ontarget.device_farm.memory.acceptance import is_commit
from ontarget.device_farm.memory.memory import Memory
from ontarget.device_farm.memory.overview import LastSeen, Overview, Place, RunRow
from ontarget.device_farm.reports.reading import results_from
from ontarget.device_farm.reports.view import RunView, modelless
from ontarget.device_farm.times import rfc3339
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import CheckRecord, RunResults, Verdict

COMMIT: Final = "{commit}"


@dataclass(frozen=True)
class DeviceView:
    """A device with who waits for it, and what it was doing when it was last measured."""

    status: DeviceStatus
    queue: Sequence[Place]
    seen: LastSeen | None


class HasDevices(Protocol):
    """A farm, as far as it is shown."""

    def statuses(self) -> Sequence[DeviceStatus]: ...


@dataclass(frozen=True)
class ServerLinks:
    """See `templating.Links`. `commits` is the address of a commit's page, with `{commit}` in it; "" for none."""

    commits: str = ""
    of_run: str = ""

    def run(self, run: str) -> str:
        return f"/runs/{quote(run, safe='')}"

    def check(self, number: int) -> str:
        return f"/runs/{quote(self.of_run, safe='')}/checks/{number}"

    def cell(self, operator: str, model: str) -> str:
        return f"{self.run(self.of_run)}?{urlencode({'operator': operator, 'model': model})}#checks"

    def outcome(self, outcome: str) -> str:
        return f"{self.run(self.of_run)}?{urlencode({'outcome': outcome})}#checks"

    def device(self, name: str) -> str:
        return f"/devices/{quote(name, safe='')}"

    def test(self, test: str, model: str | None) -> str:
        return f"/test?{urlencode({'name': modelless(test, model)})}"

    def commit(self, commit: str | None) -> str:
        return commit_address(self.commits, commit)


def commit_address(template: str, commit: str | None) -> str:
    """The address of a commit's page, "" where none is known."""
    return template.replace(COMMIT, commit) if template and commit and is_commit(commit) else ""


@dataclass(frozen=True)
class Site:
    """`commits` as in `ServerLinks`; `tree` a repository that tells of commits, None for none."""

    farm: HasDevices
    memory: Memory
    overview: Overview
    commits: str = ""
    tree: WorkTree | None = None

    def devices(self) -> list[DeviceView]:
        queue, seen = self.overview.queue(), self.overview.last_seen()
        return [self._view(status, queue, seen) for status in self.farm.statuses()]

    def device(self, name: str) -> DeviceView:
        """Raises NoSuchDevice."""
        for status in self.farm.statuses():
            if status.name == name:
                return self._view(status, self.overview.queue(), self.overview.last_seen())
        raise NoSuchDevice(f"no device of this farm is named {name!r}")

    @staticmethod
    def _view(status: DeviceStatus, queue: Sequence[Place], seen: Mapping[str, LastSeen]) -> DeviceView:
        waiting = [place for place in queue if status.name in place.devices]
        return DeviceView(status, waiting, seen.get(status.name))

    def links(self, run: str = "") -> ServerLinks:
        return ServerLinks(self.commits, run)


class Views:
    """Runs by their id or commit. The last few that were looked at are kept: a run that has ended changes no more."""

    def __init__(self, overview: Overview, most: int = 16) -> None:
        self._overview = overview
        self._most = most
        self._kept: dict[str, RunView] = {}

    def of(self, words: str) -> RunView:
        """Raises NoSuchRun, BadResults, CorruptSamples, StoreFailed."""
        row = self._overview.run(words)
        found = self._kept.pop(row.id, None) or view_of(self._overview, row)
        if found.whole:
            self._kept[row.id] = found  # it is now the newest
        while len(self._kept) > self._most:
            self._kept.pop(next(iter(self._kept)), None)
        return found


def view_of(overview: Overview, row: RunRow) -> RunView:
    """A run of a store: all of its checks once it has ended, else its comparisons as far as it has come."""
    plain = overview.results(row.id)
    whole = plain is not None
    found = results_from(plain, f"run {row.id}") if plain is not None else _of_comparisons(overview, row)
    return RunView(
        results=found,
        run=row.id,
        branch=row.branch,
        baseline_commit=row.baseline_commit,
        purpose=row.purpose,
        open=row.finished is None,
        whole=whole,
    )


def _of_comparisons(overview: Overview, row: RunRow) -> RunResults:
    return RunResults(
        commit=row.commit,
        started=rfc3339(row.started),
        finished=rfc3339(row.started if row.finished is None else row.finished),
        devices=[],
        tests=[_record(comparison) for comparison in overview.comparisons(row.id)],
    )


def _record(row: Any) -> CheckRecord:
    return CheckRecord(
        id=row.test,
        device=row.device,
        model=row.model,
        layer=None,
        dtype=None,
        check=row.metric,
        outcome=Outcome(row.outcome),
        seconds=row.seconds,
        message=row.message,
        verdict=Verdict(Answer(row.answer), row.effect, (row.low, row.high), row.pairs, row.e_value),
        accepted=row.accepted,
    )
