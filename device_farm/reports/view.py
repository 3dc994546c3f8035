"""What a page of a run shows, in its order: what failed first, then models x operators, then all checks. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import CheckRecord, DeviceRecord, RunResults

# The worst first, as the exit status has it.
ORDER: Final = (
    Outcome.WRONG,
    Outcome.CRASHED,
    Outcome.TIMED_OUT,
    Outcome.REGRESSED,
    Outcome.INVALID,
    Outcome.INFRA,
    Outcome.USER_ERROR,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_OFFERED,
    Outcome.PASS,
)
NO_MODEL: Final = "no device"
_MISSING: Final = "ontarget.device::"  # how the tests are called that stand for devices that could not be had


@dataclass(frozen=True)
class Check:
    """One check of a run, and its number in it."""

    number: int
    record: CheckRecord

    @property
    def outcome(self) -> Outcome:
        return self.record.outcome

    @property
    def model(self) -> str:
        return self.record.model or self.record.device or NO_MODEL

    @property
    def operator(self) -> str:
        """As the suite names it, else what the test's function is called."""
        return self.record.operator or bare_name(self.record.id)

    @property
    def improved(self) -> bool:
        return self.record.verdict is not None and self.record.verdict.answer is Answer.IMPROVED

    @property
    def warns(self) -> bool:
        """A regression that does not block: it would be overlooked among what passed."""
        verdict = self.record.verdict
        return (
            self.outcome is Outcome.PASS
            and verdict is not None
            and verdict.answer is Answer.REGRESSED
            and self.record.accepted is None
        )


@dataclass(frozen=True)
class Cell:
    """All checks of an operator on a model: how many, the worst, and the effect that is farthest from none."""

    operator: str
    model: str
    worst: Outcome
    counts: Mapping[Outcome, int]
    effect: float | None

    @property
    def shade(self) -> str:
        """A word for the cell's colour."""
        if self.worst is not Outcome.PASS:
            return str(self.worst)
        effect = self.effect or 0.0
        if abs(effect) < 0.02:
            return "pass"
        return "slower" if effect > 0 else "faster"


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it. `run` is its id in a store, None for a file's; `open` while it runs."""

    results: RunResults
    run: str | None = None
    branch: str | None = None
    baseline_commit: str | None = None
    purpose: str | None = None
    open: bool = False
    whole: bool = True  # whether all checks are here, not the comparisons alone

    @cached_property
    def checks(self) -> Sequence[Check]:
        return [Check(number, record) for number, record in enumerate(self.results.tests)]

    @cached_property
    def failed(self) -> Sequence[Check]:
        return self.by_severity(check for check in self.checks if check.outcome.failed)

    @cached_property
    def warned(self) -> Sequence[Check]:
        return [check for check in self.checks if check.warns]

    @cached_property
    def improved(self) -> Sequence[Check]:
        return sorted((check for check in self.checks if check.improved), key=_effect_of)

    @cached_property
    def not_offered(self) -> Mapping[str, int]:
        """How many checks the library or its binding has nothing for, by operator and dtype."""
        found = (check for check in self.checks if check.outcome is Outcome.NOT_OFFERED)
        names = (" ".join(filter(None, (check.operator, check.record.dtype))) for check in found)
        return dict(sorted(Counter(names).items()))

    @cached_property
    def missing(self) -> Sequence[str]:
        """The devices of the run that could not be had, on which nothing was tested."""
        return [check.record.id.removeprefix(_MISSING) for check in self.failed if check.record.id.startswith(_MISSING)]

    @cached_property
    def counts(self) -> Mapping[Outcome, int]:
        return ordered(Counter(check.outcome for check in self.checks))

    @cached_property
    def models(self) -> Sequence[str]:
        return sorted({check.model for check in self.checks})

    @cached_property
    def totals(self) -> Mapping[str, Mapping[Outcome, int]]:
        """How many checks came out how, by model."""
        found: dict[str, Counter[Outcome]] = {model: Counter() for model in self.models}
        for check in self.checks:
            found[check.model][check.outcome] += 1
        return {model: ordered(counts) for model, counts in found.items()}

    @cached_property
    def grid(self) -> Mapping[str, Mapping[str, Cell]]:
        """Cells by operator and model; operators with something wrong first."""
        places: dict[tuple[str, str], list[Check]] = {}
        for check in self.checks:
            places.setdefault((check.operator, check.model), []).append(check)
        cells = {place: _cell(*place, checks) for place, checks in places.items()}
        worst: dict[str, int] = {}
        for (operator, _), cell in cells.items():
            worst[operator] = min(worst.get(operator, len(ORDER)), ORDER.index(cell.worst))
        operators = sorted(worst, key=lambda operator: (worst[operator], operator))
        return {
            operator: {model: cells[operator, model] for model in self.models if (operator, model) in cells}
            for operator in operators
        }

    def by_severity(self, checks: Iterable[Check]) -> list[Check]:
        """The worst first; of regressions the largest."""
        return sorted(checks, key=lambda check: (ORDER.index(check.outcome), -_effect_of(check), check.record.id))

    def matching(self, operator: str = "", model: str = "", outcome: str = "") -> list[Check]:
        """The checks of an operator, on a model, with an outcome ("" for any), the worst first."""
        return self.by_severity(
            check
            for check in self.checks
            if operator in ("", check.operator) and model in ("", check.model) and outcome in ("", str(check.outcome))
        )

    def alike(self, check: Check) -> list[Check]:
        """The same test on the run's other devices, and its other checks: a crash has none of its own."""
        name = modelless(check.record.id, check.record.model)
        return [
            other
            for other in self.checks
            if other.number != check.number and modelless(other.record.id, other.record.model) == name
        ]

    def device(self, name: str | None) -> DeviceRecord | None:
        return next((device for device in self.results.devices if device.name == name), None)


def ordered(counts: Mapping[Outcome, int]) -> Mapping[Outcome, int]:
    """Those that there are, the worst first."""
    return {outcome: counts[outcome] for outcome in ORDER if counts.get(outcome)}


def bare_name(test: str) -> str:
    """ "saxpy" of "kernels.test_saxpy::test_saxpy[pi-1000]"."""
    return test.rpartition("::")[2].partition("[")[0].removeprefix("test_") or test


def modelless(test: str, model: str | None) -> str:
    """A test's id without the model: "kernels.test_saxpy::test_saxpy[1000]"."""
    if not model:
        return test
    bare = test.replace(f"[{model}-", "[", 1)
    return bare if bare != test else test.replace(f"[{model}]", "", 1)


def short_name(test: str) -> str:
    """What follows the module: "test_saxpy[pi-1000]"."""
    return test.rpartition("::")[2] or test


def _effect_of(check: Check) -> float:
    verdict = check.record.verdict
    return 0.0 if verdict is None or verdict.effect is None else verdict.effect


def _cell(operator: str, model: str, checks: Sequence[Check]) -> Cell:
    counts = ordered(Counter(check.outcome for check in checks))
    worst = next(iter(counts))
    # an interval around none says nothing that is worth a colour
    shown = [check for check in checks if check.outcome is worst and _told(check)]
    effect = max((_effect_of(check) for check in shown), key=abs, default=None)
    return Cell(operator, model, worst, counts, effect)


def _told(check: Check) -> bool:
    verdict = check.record.verdict
    if verdict is None or verdict.effect is None:
        return False
    low, high = verdict.interval
    return low is None or high is None or low > 0 or high < 0
