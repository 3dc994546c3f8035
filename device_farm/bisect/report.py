"""What a search found, for people and for scripts."""

from collections.abc import Callable
from math import log1p
from typing import Any, Final

import numpy as np

from ontarget.device_farm.bisect.search import evidence
from ontarget.device_farm.bisect.state import Kind, Progress
from ontarget.harness.metrics.comparison import effect_in_words, judged, percent
from ontarget.harness.metrics.instructions import TOLERANCE
from ontarget.harness.outcomes import Answer as Verdict
from ontarget.harness.results import Verdict as Estimate
from ontarget.harness.statistics.bisection import Answer, Result

_SHOWN: Final = 5
_WORSE: Final = {
    Kind.RESULTS: "made it wrong",
    Kind.PAIRS: "made it slower",
    Kind.COUNTED: "made it take more instructions",
}
_LEAST_SHARE: Final = 0.0005
_WRONG: Final = 0.5  # above it results are


def record(test: str, progress: Progress, answer: Answer, *, built: int) -> dict[str, Any]:
    """What --json prints: effects are ratios to the good end - 1, `measured` is by commit, oldest first."""
    commits = progress.search.commits
    exact = progress.kind is Kind.RESULTS
    return {
        "test": test,
        "check": progress.kind,
        "device": progress.device,
        "good": commits[0],
        "bad": commits[-1],
        "result": answer.result,
        "culprit": answer.suspects[0] if len(answer.suspects) == 1 and answer.result is Result.FOUND else None,
        "suspects": list(answer.suspects),
        "probability": answer.probability,
        "posterior": answer.posterior,
        "effect": None if exact else answer.effect,
        "interval": [None, None] if exact else [answer.low, answer.high],
        "pairs": answer.pairs,
        "measured": [_measured(progress, commit) for commit in commits if commit in evidence(progress)],
        "stepped_around": progress.skipped,
        "built": built,
    }


def lines(test: str, progress: Progress, answer: Answer, subject: Callable[[str], str | None]) -> list[str]:
    """The answer in words; `subject` says what a commit is about."""
    good, bad = progress.search.commits[0], progress.search.commits[-1]

    def named(commit: str) -> str:
        about = subject(commit)
        return commit[:12] if about is None else f'{commit[:12]} "{about}"'

    if answer.result is Result.NO_DIFFERENCE:
        return [f"no difference: {test} is no worse at {named(bad)} than at {named(good)}: {_side(progress, bad)}"]
    told = [_headline(progress, answer, named)]
    before, after = _sides(progress, answer)
    told.append(f"  with it    {named(after)}: {_side(progress, after)}")
    told.append(f"  before it  {named(before)}: {_side(progress, before)}")
    others = sorted(answer.posterior.items(), key=lambda one: -one[1])
    if len(others) > 1:
        likely = [f"{commit[:12]} {percent(share)}" for commit, share in others[:_SHOWN] if share >= _LEAST_SHARE]
        told.append(f"  posterior  {', '.join(likely)}")
    told += [f"  stepped around {named(commit)}: {why.splitlines()[0]}" for commit, why in progress.skipped.items()]
    return told


def _headline(progress: Progress, answer: Answer, named: Callable[[str], str]) -> str:
    what = _WORSE[progress.kind]
    if progress.kind is Kind.PAIRS:
        sure = f"P = {answer.probability:.3f}, {answer.pairs} launch pairs"
    else:
        sure = f"{answer.pairs} measurement{'' if answer.pairs == 1 else 's'}"
    if answer.result is Result.UNPROVEN:
        return f"not proven within the budget; the likeliest is {named(answer.suspects[0])} ({sure})"
    if len(answer.suspects) == 1:
        return f"{named(answer.suspects[0])} {what} ({sure})"
    return f"one of {' or '.join(named(commit) for commit in answer.suspects)} {what} ({sure})"


def _sides(progress: Progress, answer: Answer) -> tuple[str, str]:
    """The commits on both sides of the edge that were measured."""
    commits = progress.search.commits
    return commits[commits.index(answer.suspects[0]) - 1], answer.suspects[-1]


def _side(progress: Progress, commit: str) -> str:
    if commit == progress.search.commits[0]:
        return "the good end"
    values = evidence(progress).get(commit, [])
    if not values:
        return "not measured"
    match progress.kind:
        case Kind.RESULTS:
            return progress.messages.get(commit, "wrong" if values[0] > _WRONG else "right").splitlines()[0]
        case Kind.COUNTED:
            if abs(values[0]) <= TOLERANCE:
                return "as many instructions as the good end"
            return f"{percent(abs(values[0]))} {'more' if values[0] > 0 else 'fewer'} instructions than the good end"
        case Kind.PAIRS:
            return f"{effect_in_words(_estimate(values))}, against the good end"


def _estimate(effects: list[float]) -> Estimate:
    return judged(Verdict.INCONCLUSIVE, np.array([log1p(effect) for effect in effects]))


def _measured(progress: Progress, commit: str) -> dict[str, Any]:
    values = evidence(progress)[commit]
    if progress.kind is Kind.RESULTS:
        return {"commit": commit, "wrong": values[0] > _WRONG, "message": progress.messages.get(commit)}
    estimate = _estimate(values)
    return {
        "commit": commit,
        "effect": estimate.effect,
        "interval": list(estimate.interval),
        "pairs": len(values),
        "differences": [log1p(value) for value in values],
    }
