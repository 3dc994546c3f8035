"""Durations as people type them: `90s`, `10m`, `2h`."""

import re

from ontarget.device_farm.errors import BadDuration

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WORDS = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd])", re.ASCII)


def parse_duration(text: str) -> float:
    """Return the seconds that `text` names; a bare `0` needs no unit. Raises BadDuration."""
    stripped = text.strip()
    if stripped == "0":
        return 0.0
    match = _WORDS.fullmatch(stripped)
    if match is None:
        raise BadDuration(f"{text!r} is no duration: write a number and one of s, m, h, d, such as 90s, 10m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def format_duration(seconds: float) -> str:
    """Return the shortest exact words for whole seconds, and tenths of a second for others."""
    if seconds != int(seconds):
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for unit in ("d", "h", "m"):
        if whole and whole % int(_UNITS[unit]) == 0:
            return f"{whole // int(_UNITS[unit])}{unit}"
    return f"{whole}s"
