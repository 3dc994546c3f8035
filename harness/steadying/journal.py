"""What was changed on a device, kept there before it is changed: who comes next gives back what a killed run left."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Final

NAME: Final = "steadying"
BOOT: Final = "/proc/sys/kernel/random/boot_id"
# What settings hold: words and numbers. Anything else in a journal was not written by us, and is never set.
_VALUE: Final = re.compile(r"[A-Za-z0-9_.,:;/=+-]*( [A-Za-z0-9_.,:;/=+-]+)*", re.ASCII)
_LONGEST: Final = 500


@dataclass(frozen=True)
class Change:
    """One setting that was changed: `key` of a knob of `profile`, from `old` to `new`, during the boot `boot`."""

    profile: str
    key: str
    old: str
    new: str
    boot: str
    lasting: bool = False

    def line(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def parse(text: str) -> tuple[list[Change], list[str]]:
    """The changes of a journal, in the order in which they were made, and the lines that are none."""
    changes, strange = [], []
    for line in text.splitlines():
        if not line.strip():
            continue
        change = _parsed(line)
        if change is None:
            strange.append(line)
        else:
            changes.append(change)
    return changes, strange


def standing(changes: Iterable[Change], boot: str) -> list[Change]:
    """The changes that a boot since then has not undone, the last first; of several of one knob the first's `old`."""
    first: dict[tuple[str, str], Change] = {}
    for change in changes:
        if change.lasting or change.boot == boot:
            earlier = first.get((change.profile, change.key))
            kept = change if earlier is None else replace(change, old=earlier.old)
            first[change.profile, change.key] = kept
    return list(reversed(first.values()))


def is_value(text: str) -> bool:
    """Whether a setting may have this value."""
    return len(text) <= _LONGEST and _VALUE.fullmatch(text) is not None


def _parsed(line: str) -> Change | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict) or set(data) != set(Change.__dataclass_fields__):
        return None
    texts = [data[name] for name in ("profile", "key", "old", "new", "boot")]
    if not all(isinstance(text, str) for text in texts) or not isinstance(data["lasting"], bool):
        return None
    return Change(**data) if is_value(data["old"]) and is_value(data["new"]) else None
