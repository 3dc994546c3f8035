"""Words and figures of the pages, as filters of their templates. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ontarget.device_farm.reports.view import ORDER
from ontarget.device_farm.times import rfc3339
from ontarget.harness.metrics.comparison import figures
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.plots import scaled_unit
from ontarget.harness.results import Verdict

# A sign beside each word: colour alone tells some people nothing.
_SIGNS: Final = {
    Outcome.WRONG: "✗",
    Outcome.CRASHED: "✗",
    Outcome.TIMED_OUT: "✗",
    Outcome.REGRESSED: "▲",
    Outcome.INVALID: "!",
    Outcome.INFRA: "!",
    Outcome.USER_ERROR: "!",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_OFFERED: "–",
    Outcome.PASS: "✓",
}

_UNITS: Final = {"mhz": "MHz", "c": "°C", "w": "W", "v": "V", "hz": "Hz"}


def sign(outcome: str) -> str:
    return "▼" if outcome == Answer.IMPROVED else _SIGNS[Outcome(outcome)]


def by_severity(counts: Mapping[str, int]) -> dict[str, int]:
    """Checks by outcome, the worst first."""
    return {str(outcome): counts[outcome] for outcome in ORDER if outcome in counts}


def percent(ratio: float | None) -> str:
    """ "+3.1 %"."""
    return "" if ratio is None else f"{'+' if ratio >= 0 else ''}{figures(ratio)} %"


def effect(verdict: Verdict | None) -> str:
    """ "+3.1 %"; "" where nothing was compared."""
    return "" if verdict is None else percent(verdict.effect)


def interval(verdict: Verdict | None) -> str:
    """ "+2.4 to +3.9 %", an open end in words."""
    if verdict is None or verdict.effect is None:
        return ""
    low, high = verdict.interval
    if low is None and high is None:
        return "no interval"
    if low is None:
        return f"at most {percent(high)}"
    if high is None:
        return f"at least {percent(low)}"
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def evidence(verdict: Verdict | None) -> str:
    """How sure a verdict is, in words."""
    if verdict is None:
        return ""
    said = [f"{verdict.pairs} launch pair{'' if verdict.pairs == 1 else 's'}"]
    if verdict.e_value is not None:
        said.append(f"e-value {verdict.e_value:.3g}")
    if verdict.confirmed is not None:
        said.append("confirmed by fresh pairs" if verdict.confirmed else "not confirmed by fresh pairs")
    return ", ".join(said)


def amount(value: float | None, unit: str = "s") -> str:
    """0.00123 s as "1.23 ms"."""
    if value is None:
        return ""
    if unit == "ratio":
        return f"{value:.4g} turns"
    factor, name = scaled_unit(abs(value), unit)
    return f"{value / factor:.4g} {name}"


def conditions(told: Mapping[str, Any]) -> str:
    """What a device was doing, as its record in the results tells it: "1800 MHz, 52 °C, governor performance"."""
    said = [_condition(name, value) for name, value in told.items()]
    return ", ".join(filter(None, said)) or "conditions not told"


def _condition(name: str, value: Any) -> str:
    words, _, unit = name.rpartition("_")
    if isinstance(value, bool):
        return name.replace("_", " ") if value else f"not {name.replace('_', ' ')}"
    if isinstance(value, list | tuple | Mapping):
        return ""  # more than a line tells: it is in the results
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    if unit in _UNITS:
        what = words.replace("_", " ").removeprefix("cpu").removeprefix("temperature").strip()
        return f"{what} {shown} {_UNITS[unit]}".strip()
    return f"{name.replace('_', ' ')} {shown}"


def moment(value: float | str | None) -> str:
    """Seconds since 1970, or RFC 3339, as "2026-01-31T12:00:00Z"."""
    if value is None:
        return ""
    return rfc3339(datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value)


def readable(value: float | str | None) -> str:
    """The same as "2026-01-31 12:00 UTC"."""
    return f"{moment(value)[:16].replace('T', ' ')} UTC" if value is not None else ""


def short_commit(commit: str | None) -> str:
    return commit[:10] if commit else "no commit"


def is_address(words: str | None) -> bool:
    """Whether words are an address that a page may lead to."""
    return words is not None and words.startswith(("https://", "http://")) and not any(c.isspace() for c in words)


def seconds(value: float) -> str:
    """75 as "1 min 15 s"."""
    whole = max(0, round(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def took(started: str, finished: str) -> str:
    """How long it was between two moments in RFC 3339."""
    return seconds((datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds())
