"""The words in which results are told: a comparison's answer, a test's outcome, and what each does to the run."""

from enum import StrEnum


class Answer(StrEnum):
    """What a comparison of candidate and baseline says."""

    PASS = "pass"
    REGRESSED = "regressed"
    IMPROVED = "improved"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class Outcome(StrEnum):
    """What became of one check of a test."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    NOT_OFFERED = "not-offered"
    REGRESSED = "regressed"
    WRONG = "wrong"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    INVALID = "invalid"
    INFRA = "infra"
    USER_ERROR = "user-error"

    @property
    def failed(self) -> bool:
        """Whether a test with this outcome is reported as failed."""
        return self in _EXIT_STATUS

    @property
    def exit_status(self) -> int:
        """The run's exit status when this is its worst outcome."""
        return _EXIT_STATUS.get(self, 0)


_EXIT_STATUS = {
    Outcome.REGRESSED: 1,
    Outcome.WRONG: 1,
    Outcome.CRASHED: 1,
    Outcome.TIMED_OUT: 1,
    Outcome.INVALID: 3,
    Outcome.INFRA: 3,
    Outcome.USER_ERROR: 4,
}

# Statuses from the worst: a wrong kernel says more than a lost device, and that more than a missing option.
_SEVERITY = (1, 3, 4, 0)


def exit_status(outcomes: set[Outcome]) -> int:
    """Return the exit status of a run in which these outcomes were seen."""
    return min((outcome.exit_status for outcome in outcomes), key=_SEVERITY.index, default=0)
