"""What a search leaves on disk after each measurement, so that one that was interrupted goes on where it was."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import platformdirs

from ontarget.device_farm.bisect.halving import Halving
from ontarget.device_farm.locks import exclusive_if_free
from ontarget.harness.errors import UserError
from ontarget.harness.statistics.bisection import Bisection

VERSION: Final = 1
_FILE: Final = "search.json"


class Kind(StrEnum):
    """What the search goes by."""

    RESULTS = "accuracy"  # the test's results: right or wrong
    PAIRS = "latency"  # launch pairs
    COUNTED = "instructions"  # counted, exactly


Search = Bisection | Halving


@dataclass
class Progress:
    """A search as far as it is. `statistic` stands for a burst; `skipped` says why commits were stepped around.

    `messages` are what bad results were, by commit.
    """

    kind: Kind
    search: Search
    statistic: str | None = None
    device: str | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(
            {
                "version": VERSION,
                "kind": self.kind,
                "search": self.search.to_json(),
                "statistic": self.statistic,
                "device": self.device,
                "skipped": self.skipped,
                "messages": self.messages,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        """Raises ValueError for what `to_json` did not write."""
        try:
            state: dict[str, Any] = json.loads(text)
            if state["version"] != VERSION:
                raise ValueError(f"expected a search of version {VERSION}, found {state['version']}")
            kind = Kind(state["kind"])
            search: Search = (Bisection if kind is Kind.PAIRS else Halving).from_json(state["search"])
            return cls(kind, search, state["statistic"], state["device"], state["skipped"], state["messages"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a search as it was saved, found {text[:80]!r}") from error


class StateFolder:
    """The folder of one search: its progress, its logs, its work tree. One process uses it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def of(cls, key: Sequence[Any], root: Path | None = None) -> "Iterator[StateFolder]":
        """The folder of the search that `key` (what JSON can hold) tells from others, held by this process.

        `root` None: under the user's state folder. Raises UserError if another process has it.
        """
        root = root or platformdirs.user_state_path("ontarget") / "bisect"
        path = root / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
        path.mkdir(parents=True, exist_ok=True)
        with exclusive_if_free(path / "lock") as had:
            if not had:
                raise UserError(f"expected to be the only one to search this, but another process does ({path})")
            yield cls(path)

    def load(self, commits: Sequence[str], say: Callable[[str], None]) -> Progress | None:
        """What was saved of a search among these commits; None where there is nothing of the kind."""
        try:
            found = Progress.from_json((self.path / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            say(f"starting over, since what was saved cannot be used: {error}")
            return None
        if found.search.commits != tuple(commits):
            say("starting over, since there are other commits between the two now")
            return None
        return found

    def save(self, progress: Progress) -> None:
        """Replace what was saved, whole or not at all."""
        handle, name = tempfile.mkstemp(dir=self.path, prefix=".search.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(progress.to_json())
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(self.path / _FILE)

    def forget(self) -> None:
        (self.path / _FILE).unlink(missing_ok=True)
