"""Slow-downs that are meant: which results an acceptance is for, and until when. Decisions on values."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ontarget.device_farm.errors import BadDate
from ontarget.device_farm.times import rfc3339

# An accuracy that got worse is no slow-down: it is accepted only where it is named.
NOT_MEANT: Final = frozenset({"accuracy"})
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}", re.ASCII)

IsAncestor = Callable[[str, str], bool | None]


@dataclass(frozen=True)
class Acceptance:
    """A slow-down of `test` by `commit` that somebody meant; `test` without brackets stands for all its parameters.

    `metric`, `device` and `model` narrow it where they are given. Times are seconds since 1970.
    """

    id: int
    test: str
    commit: str
    reason: str
    author: str
    made: float
    until: float
    metric: str | None = None
    device: str | None = None
    model: str | None = None
    withdrawn: float | None = None
    withdrawn_by: str | None = None
    withdrawn_why: str | None = None

    def in_force(self, now: float) -> bool:
        return self.withdrawn is None and now < self.until

    def covers(self, test: str, metric: str, device: str | None, model: str | None) -> bool:
        """Whether a result of this test is meant, whatever was built."""
        return (
            named(self.test, test)
            and (metric not in NOT_MEANT if self.metric is None else self.metric == metric)
            and self.device in (None, device)
            and self.model in (None, model)
        )

    def to_json(self) -> dict[str, Any]:
        """As `accept --list --json` and the results print it."""
        return {
            "id": self.id,
            "test": self.test,
            "check": self.metric,
            "device": self.device,
            "model": self.model,
            "commit": self.commit,
            "reason": self.reason,
            "author": self.author,
            "made": rfc3339(self.made),
            "until": rfc3339(self.until),
            "withdrawn": None if self.withdrawn is None else rfc3339(self.withdrawn),
            "withdrawn_by": self.withdrawn_by,
            "withdrawn_why": self.withdrawn_why,
        }


def named(words: str, test: str) -> bool:
    """Whether `words` are the test's id, or that without its parameters."""
    return words == test or ("[" not in words and test.partition("[")[0] == words)


def applies(acceptance: Acceptance, candidate: str | None, baseline: str | None, is_ancestor: IsAncestor) -> bool:
    """Whether the accepted commit is what makes the candidate slower than the baseline, as far as is known.

    It is the candidate's own commit, or one that the candidate has and the baseline has not.
    """
    if candidate is None:
        return False
    if same_commit(acceptance.commit, candidate):
        return True
    if baseline is None or same_commit(acceptance.commit, baseline):
        return False
    return is_ancestor(acceptance.commit, candidate) is True and is_ancestor(acceptance.commit, baseline) is False


def applying(
    acceptances: Iterable[Acceptance],
    *,
    test: str,
    metric: str,
    device: str | None,
    model: str | None,
    candidate: str | None,
    baseline: str | None,
    now: float,
    is_ancestor: IsAncestor,
) -> Acceptance | None:
    """Return the acceptance that a regressed result falls under, the one with the latest end first."""
    for acceptance in sorted(acceptances, key=lambda found: -found.until):
        if (
            acceptance.in_force(now)
            and acceptance.covers(test, metric, device, model)
            and applies(acceptance, candidate, baseline, is_ancestor)
        ):
            return acceptance
    return None


def same_commit(one: str, other: str) -> bool:
    """Whether two names of commits are one, or the beginning of the other."""
    one, other = one.lower(), other.lower()
    return min(len(one), len(other)) >= 7 and (one.startswith(other) or other.startswith(one))


def is_commit(words: str) -> bool:
    """Whether the words can be (the beginning of) a commit's name."""
    return _COMMIT.fullmatch(words.lower()) is not None


def parse_until(text: str, now: float) -> float:
    """Return the end that `text` names, in seconds since 1970: a date means the end of that day, in UTC.

    Raises BadDate for other words, and for an end that has passed.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            end = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
        else:
            end = datetime.fromisoformat(text)
            if end.tzinfo is None:
                raise ValueError("it has no time zone")
        seconds = end.timestamp()
    except (ValueError, OverflowError) as error:
        raise BadDate(
            f"expected a day such as 2026-12-31, or a time such as 2026-12-31T12:00:00Z, found {text!r}: {error}"
        ) from error
    if seconds <= now:
        raise BadDate(f"expected an end in the future, found {text}, which has passed: it is {rfc3339(now)}")
    return seconds
