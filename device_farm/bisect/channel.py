"""What a search and the run of pytest that measures for it say to each other: a line of JSON each, over two pipes."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from typing import Any, Self


@dataclass(frozen=True)
class Wanted:
    """Measure so many sound launch pairs of a commit and the good end.

    `statistic` is what stands for a burst, None to choose it by these pairs.
    """

    commit: str
    pairs: int
    statistic: str | None = None


@dataclass(frozen=True)
class Measured:
    """Log ratios commit/good of the pairs, and what stood for a burst. `exact`: the one that counting has."""

    differences: tuple[float, ...]
    statistic: str
    device: str
    exact: bool = False


@dataclass(frozen=True)
class Unmeasurable:
    """Why the commit cannot be measured; `missing` is the ABI that the artifact store has no build for."""

    why: str
    missing: str | None = None


@dataclass(frozen=True)
class Broken:
    """Why nothing can be measured now: conditions, or a good end that does not run."""

    why: str


Reply = Measured | Unmeasurable | Broken
_REPLIES = {kind.__name__: kind for kind in (Measured, Unmeasurable, Broken)}


class Channel:
    """One end. `receive` returns None where the other end has gone."""

    def __init__(self, reader: int, writer: int) -> None:
        """Takes over the file descriptors."""
        self._reader: TextIOWrapper = os.fdopen(reader, "r", encoding="utf-8")
        self._writer: TextIOWrapper = os.fdopen(writer, "w", encoding="utf-8")

    @classmethod
    def of_words(cls, words: str) -> Self:
        """The end whose file descriptors are "READER,WRITER". Raises ValueError, OSError."""
        reader, writer = (int(word) for word in words.split(","))
        return cls(reader, writer)

    def send(self, message: Wanted | Reply) -> None:
        """Raises BrokenPipeError where the other end has gone."""
        self._writer.write(json.dumps({"is": type(message).__name__, **asdict(message)}) + "\n")
        self._writer.flush()

    def wanted(self) -> Wanted | None:
        found = self._line()
        return None if found is None else Wanted(found["commit"], found["pairs"], found["statistic"])

    def reply(self) -> Reply | None:
        found = self._line()
        if found is None:
            return None
        fields = {key: value for key, value in found.items() if key != "is"}
        if "differences" in fields:
            fields["differences"] = tuple(fields["differences"])
        made: Reply = _REPLIES[found["is"]](**fields)
        return made

    def close(self) -> None:
        for stream in (self._writer, self._reader):
            try:
                stream.close()
            except BrokenPipeError:  # what was not sent has nobody to go to
                continue

    def _line(self) -> Mapping[str, Any] | None:
        line = self._reader.readline()
        if not line.endswith("\n"):
            return None
        found: Mapping[str, Any] = json.loads(line)
        return found
