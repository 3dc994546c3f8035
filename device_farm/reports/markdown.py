"""A run as a comment on the change that it tested: regressions first, short, in GitHub's and GitLab's Markdown. Pure.

What tests and devices say is code to the comment: a message cannot mention people, link, or end a table's row.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ontarget.device_farm.reports.view import Check, RunView
from ontarget.harness.metrics.comparison import figures
from ontarget.harness.outcomes import Outcome
from ontarget.harness.results import Verdict

_MOST_FAILED: Final = 20
_MOST_OTHERS: Final = 10
_LONGEST: Final = 160
_REGRESSED_FIRST: Final = (Outcome.REGRESSED,)


def as_markdown(view: RunView, *, commit_url: str = "", links: Mapping[str, str] | None = None) -> str:
    """The comment. `commit_url` is the address of the commit's page, `links` are more addresses, by their words."""
    parts = [_heading(view, commit_url), _failed(view), _moved("Improved", view.improved), _warned(view)]
    parts += [
        _accepted(view),
        _untested(view),
        _totals(view),
        " · ".join(f"[{words}]({where})" for words, where in (links or {}).items()),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _heading(view: RunView, commit_url: str) -> str:
    failed, all_of_them = len(view.failed), len(view.checks)
    if not all_of_them:
        said = "nothing was tested"
    else:
        said = f"{failed} of {all_of_them} checks failed" if failed else f"no failure in {all_of_them} checks"
    commit = view.results.commit
    if commit is None:
        return f"### ontarget: {said}"
    name = f"`{commit[:10]}`"
    return f"### ontarget: {said}\n\nCommit {f'[{name}]({commit_url})' if commit_url else name}"


def _failed(view: RunView) -> str:
    failed = sorted(view.failed, key=lambda check: check.outcome not in _REGRESSED_FIRST)
    if not failed:
        return ""
    rows = ["| outcome | test | model | by how much | what happened |", "|---|---|---|---|---|"]
    rows += [
        f"| **{check.outcome}** | {_name(check)} | {code(check.model)} | {_effect(check.record.verdict)} "
        f"| {code(check.record.message)} |"
        for check in failed[:_MOST_FAILED]
    ]
    left = len(failed) - _MOST_FAILED
    return "\n".join(rows) + (f"\n\n{left} more failed." if left > 0 else "")


def _moved(heading: str, checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    said = [f"- {_name(check)} on {code(check.model)}: {_effect(check.record.verdict)}" for check in checks]
    more = [f"- {len(said) - _MOST_OTHERS} more"] if len(said) > _MOST_OTHERS else []
    return "\n".join([f"**{heading}**", "", *said[:_MOST_OTHERS], *more])


def _warned(view: RunView) -> str:
    return _moved("Slower by a metric that does not block", view.warned)


def _accepted(view: RunView) -> str:
    """The slow-downs that are meant and would else have failed this run."""
    used = {check.record.accepted for check in view.checks}
    said = [
        f"- {code(str(one['test']))}{_on(one)} slower by {code(str(one['commit'])[:10])} "
        f"until {code(str(one['until']))}: {code(str(one['reason']))} ({code(str(one['author']))})"
        for one in view.results.accepted
        if one.get("id") in used
    ]
    more = [f"- {len(said) - _MOST_OTHERS} more"] if len(said) > _MOST_OTHERS else []
    return "\n".join(["**Accepted slow-downs**", "", *said[:_MOST_OTHERS], *more]) if said else ""


def _on(accepted: Mapping[str, object]) -> str:
    where = accepted.get("device") or accepted.get("model")
    return f" on {code(str(where))}" if where else ""


def _untested(view: RunView) -> str:
    said = [f"{code(name)}: no such device could be had, nothing was tested on it" for name in view.missing]
    said += [f"{code(name)}: not offered" for name in view.not_offered]
    if view.results.left_out:
        said.append(f"{len(view.results.left_out)} tests were left out, as the budget had no room for them")
    shown = said[:_MOST_OTHERS] + ([f"{len(said) - _MOST_OTHERS} more"] if len(said) > _MOST_OTHERS else [])
    return "\n".join(["**Not tested**", "", *(f"- {line}" for line in shown)]) if said else ""


def _totals(view: RunView) -> str:
    lines = [
        f"- {code(model)}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        for model, counts in view.totals.items()
    ]
    return "\n".join(["<details><summary>By model</summary>", "", *lines, "", "</details>"]) if lines else ""


def _name(check: Check) -> str:
    words = " ".join(filter(None, (check.operator, check.record.dtype, check.record.check)))
    return code(words)


def _effect(verdict: Verdict | None) -> str:
    """ "+3.1 % (+2.4 to +3.9)", an open end as "..."."""
    if verdict is None or verdict.effect is None:
        return ""
    low, high = ("..." if end is None else f"{'+' if end >= 0 else ''}{figures(end)}" for end in verdict.interval)
    return f"{'+' if verdict.effect >= 0 else ''}{figures(verdict.effect)} % ({low} to {high})"


def code(words: str) -> str:
    """Words as code in one cell of a table: what would end either is left out or told by another sign."""
    line = " ".join(words.split()).replace("`", "'").replace("|", "¦")
    return f"`{line if len(line) <= _LONGEST else f'{line[: _LONGEST - 1]}…'}`" if line else ""
