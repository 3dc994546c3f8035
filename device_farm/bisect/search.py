"""Drives a search: builds what is asked for, has it measured, saves, until there is an answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import expm1, log1p
from typing import Final, Protocol

from ontarget.device_farm.bisect.channel import Measured, Unmeasurable, Wanted
from ontarget.device_farm.bisect.halving import Halving
from ontarget.device_farm.bisect.measuring import Judged
from ontarget.device_farm.bisect.state import Kind, Progress, StateFolder
from ontarget.device_farm.errors import BuildFailed, NoSuchArtifact, NoSuchCommit
from ontarget.harness.abi import Abi
from ontarget.harness.errors import UserError
from ontarget.harness.metrics.instructions import TOLERANCE
from ontarget.harness.statistics.bisection import Answer, Bisection, Measure, Purpose

FIRST_PAIRS: Final = 5  # by which it is chosen what stands for a burst
LEAST_COUNTED: Final = log1p(TOLERANCE)  # what counting itself is off by
_WRONG, _RIGHT, _BETWEEN = 1.0, 0.0, 0.5


class Builds(Protocol):
    """Sees to it that commits have a build (`ontarget.device_farm.bisect.building.Builder`)."""

    @property
    def quick(self) -> bool: ...
    def has(self, commit: str, abi: Abi | None = None) -> bool: ...
    def build(self, commit: str) -> None: ...


class Measuring(Protocol):
    """Measures commits against the good end (`ontarget.device_farm.bisect.measuring.Measurer`)."""

    def pairs(self, wanted: Wanted) -> Measured | Unmeasurable: ...
    def results(self, commit: str) -> Judged: ...
    def close(self) -> None: ...


class CannotMeasure(Exception):
    """A commit that does not build, run or compare; the message says why."""


@dataclass
class Driver:
    """One search. `say` hears how far it is; `budget` is the most launch pairs; `check` None: whatever is bad."""

    commits: Sequence[str]
    builds: Builds
    measuring: Measuring
    state: StateFolder
    say: Callable[[str], None]
    budget: int
    check: Kind | None = None
    _told: tuple[str, Purpose] | None = None

    def run(self) -> tuple[Progress, Answer]:
        """Search to the end, from what was saved if there is something.

        Raises UserError (BuildFailed, NoSuchArtifact, NoSuchCommit) for ends that cannot be measured, InfraError.
        """
        progress = self.state.load(self.commits, self.say)
        if progress is None:
            progress = self._begun()
            self.state.save(progress)
        else:
            self.say(f"going on after {_measured(progress)}")
        while isinstance(step := progress.search.step, Measure):
            try:
                self._measure(progress, step)
            except CannotMeasure as problem:
                self._step_around(progress, step.commit, str(problem))
            self.state.save(progress)
        return progress, step

    def _begun(self) -> Progress:
        """Find out what the bad end is bad in."""
        good, bad = self.commits[0], self.commits[-1]
        for end in (good, bad):
            self._built(end)
        if self.check is not Kind.PAIRS:
            judged = self._judged(bad)
            if judged.bad or self.check is Kind.RESULTS:
                if judged.bad and (other := self._judged(good)).bad:
                    raise NoSuchCommit(
                        f"expected the test to come out right at {good[:12]}, found {other.message}. Give an earlier "
                        "--good, or search for what made it slower with --check latency"
                    )
                search = Halving(self.commits, least=_BETWEEN)
                search.tell(_WRONG if judged.bad else _RIGHT)
                messages = {bad: judged.message} if judged.bad else {}
                return Progress(Kind.RESULTS, search, messages=messages)
            self.say(f"{bad[:12]} comes out right: searching for what made it slower")
        return self._measured_ends()

    def _measured_ends(self) -> Progress:
        """The first pairs of the bad end, by which it is chosen what stands for a burst."""
        bad = self.commits[-1]
        self.say(f"measuring {bad[:12]} to {Purpose.ENDS}")
        found = self._pairs(Wanted(bad, FIRST_PAIRS))
        if isinstance(found, Unmeasurable):
            raise UserError(f"expected the bad end {bad[:12]} to be measurable: {found.why}")
        if found.exact:
            counted = Progress(Kind.COUNTED, Halving(self.commits, least=LEAST_COUNTED), device=found.device)
            counted.search.tell(found.differences[0])
            return counted
        timed = Progress(Kind.PAIRS, Bisection(self.commits, budget=self.budget), found.statistic, found.device)
        _tell(timed, bad, found.differences)
        return timed

    def _measure(self, progress: Progress, step: Measure) -> None:
        """Raises CannotMeasure."""
        self._report(progress, step)
        ends = step.commit in (self.commits[0], self.commits[-1])
        try:
            self._built(step.commit)
        except (BuildFailed, NoSuchArtifact) as error:
            if ends:
                raise
            raise CannotMeasure(str(error)) from error
        if progress.kind is Kind.RESULTS:
            judged = self._judged(step.commit)
            if judged.bad:
                progress.messages[step.commit] = judged.message
            progress.search.tell(_WRONG if judged.bad else _RIGHT)
            return
        found = self._pairs(Wanted(step.commit, 1, progress.statistic))
        if isinstance(found, Unmeasurable):
            if ends:
                raise UserError(f"expected the end {step.commit[:12]} to be measurable: {found.why}")
            raise CannotMeasure(found.why)
        if progress.device not in (None, found.device):
            self.say(f"going on on {found.device}; what {progress.device} measured counts as before")
        progress.device = found.device
        _tell(progress, step.commit, found.differences)

    def _pairs(self, wanted: Wanted) -> Measured | Unmeasurable:
        """Measure; where the build for the device's ABI is missing, build it first, once."""
        found = self.measuring.pairs(wanted)
        if isinstance(found, Unmeasurable) and found.missing is not None:
            self.measuring.close()
            try:
                self.builds.build(wanted.commit)
            except (BuildFailed, NoSuchArtifact) as error:
                return Unmeasurable(str(error))
            found = self.measuring.pairs(wanted)
        return found

    def _judged(self, commit: str) -> Judged:
        """Raises CannotMeasure for a commit that does not offer the operator."""
        self.say(f"running the test at {commit[:12]}")
        judged = self.measuring.results(commit)
        self.say(f"{commit[:12]}: {judged.message.splitlines()[0]}")
        if judged.unmeasurable:
            if commit in (self.commits[0], self.commits[-1]):
                raise NoSuchCommit(f"expected the test to run at {commit[:12]}, found {judged.message}")
            raise CannotMeasure(judged.message)
        return judged

    def _built(self, commit: str) -> None:
        """Raises BuildFailed, NoSuchArtifact. While that takes long, others may use the device."""
        if not self.builds.has(commit):
            if not self.builds.quick:
                self.measuring.close()
            self.builds.build(commit)

    def _step_around(self, progress: Progress, commit: str, why: str) -> None:
        self.say(f"stepping around {commit[:12]}: {why}")
        progress.skipped[commit] = why
        progress.search.cannot_measure(commit)

    def _report(self, progress: Progress, step: Measure) -> None:
        """Say what is measured now and how far it is, where that changes."""
        if self._told == (step.commit, step.purpose):
            return
        self._told = step.commit, step.purpose
        posterior = progress.search.posterior()
        likeliest = max(posterior, key=lambda commit: posterior[commit])
        self.say(
            f"{_measured(progress)}, the likeliest is {likeliest[:12]} ({100 * posterior[likeliest]:.0f} %); "
            f"measuring {step.commit[:12]} to {step.purpose}"
        )


def _tell(progress: Progress, commit: str, differences: Sequence[float]) -> None:
    """Tell the pairs one by one, as long as they are what is asked for."""
    for difference in differences:
        step = progress.search.step
        if isinstance(step, Measure) and step.commit == commit:
            progress.search.tell(difference)


def _measured(progress: Progress) -> str:
    name = "launch pair" if progress.kind is Kind.PAIRS else "measurement"
    count = progress.search.pairs
    return f"{count} {name}{'' if count == 1 else 's'}"


def evidence(progress: Progress) -> dict[str, list[float]]:
    """What was measured of each commit, as effects (ratio to the good end - 1), or 1 for wrong and 0 for right."""
    found = progress.search.evidence()
    if progress.kind is Kind.RESULTS:
        return found
    return {commit: [expm1(value) for value in values] for commit, values in found.items()}
