"""Questions to a git work tree. Whatever git does not know, and a machine without git, is an answer, too: None."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 20.0


@dataclass(frozen=True)
class WorkTree:
    """The repository around a folder, if there is one."""

    folder: Path

    def resolve(self, words: str) -> str | None:
        """Return the whole name of the commit that `words` mean."""
        return self._line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{words}^{{commit}}")

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        """Whether `newer` has `older` in it; a commit has itself. None where one of them is not here."""
        done = self._run("merge-base", "--is-ancestor", older, newer)
        return None if done is None or done.returncode not in (0, 1) else done.returncode == 0

    def branch(self) -> str | None:
        """Return the branch that is checked out, None for a bare commit."""
        return self._line("symbolic-ref", "--quiet", "--short", "HEAD")

    def first_parents(self, tip: str) -> list[str] | None:
        """Return the commits of a branch's own line, the oldest first."""
        done = self._run("rev-list", "--first-parent", "--reverse", "--end-of-options", tip)
        return done.stdout.split() if done is not None and done.returncode == 0 else None

    def between(self, good: str, bad: str) -> list[str] | None:
        """Return the commits after `good` of the own line of `bad`, the oldest first; a merge is one of them."""
        done = self._run("rev-list", "--first-parent", "--reverse", "--end-of-options", bad, f"^{good}")
        return done.stdout.split() if done is not None and done.returncode == 0 else None

    def told_between(self, good: str, bad: str) -> list[tuple[str, str]] | None:
        """Return the commits after `good` that `bad` has, merged ones too, the oldest first, each with its subject."""
        done = self._run("log", "--reverse", "--format=%H %s", "--end-of-options", bad, f"^{good}")
        if done is None or done.returncode:
            return None
        return [(sha, subject) for sha, _, subject in (line.partition(" ") for line in done.stdout.splitlines())]

    def changed(self, older: str, newer: str) -> list[str] | None:
        """Return the files that differ between two commits, renamed ones by both names, from the root of the tree."""
        done = self._run("diff", "--name-only", "--no-renames", "-z", "--end-of-options", older, newer)
        return [name for name in done.stdout.split("\0") if name] if done is not None and done.returncode == 0 else None

    def subject(self, commit: str) -> str | None:
        """Return the first line of a commit's message."""
        return self._line("log", "-1", "--format=%s", "--end-of-options", commit)

    def _line(self, *words: str) -> str | None:
        done = self._run(*words)
        return (done.stdout.strip() or None) if done is not None and done.returncode == 0 else None

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str] | None":
        try:
            return subprocess.run(
                ["git", *words], cwd=self.folder, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
