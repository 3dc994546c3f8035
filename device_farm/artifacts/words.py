"""How a build of the artifact store is named on a command line: commit:SHA."""

from collections.abc import Sequence
from typing import Final

from ontarget.harness.errors import UserError

PREFIX: Final = "commit:"


def commit_in(words: Sequence[str], label: str) -> str | None:
    """The commit that `commit:SHA` names, None for paths. Raises UserError for a mixture, or several."""
    named = [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)]
    if not named:
        return None
    if len(words) > 1 or not named[0]:
        raise UserError(f"--{label}: expected commit:SHA by itself, found {' and '.join(words)}")
    return named[0]
