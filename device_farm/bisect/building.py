"""Builds of commits: from the artifact store, else by a command in a work tree of their own, which adds them to it."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ontarget.device_farm.artifacts.adding import LocalBuild, gathered
from ontarget.device_farm.artifacts.store import ArtifactStore
from ontarget.device_farm.errors import BuildFailed, NoSuchArtifact
from ontarget.harness.abi import Abi
from ontarget.harness.errors import OntargetError, UserError

# They would lead git to another repository than that of the folder: set where this runs in a hook.
_OF_ANOTHER: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")
_QUICK: Final = 10.0  # seconds
_TAIL: Final = 8  # lines of a failed command's output


class Builder:
    """Sees to it that commits have a build in the store. A context manager: its work tree goes at the end.

    `built` counts those that were made; `quick` says whether the last took so little that a device may wait for it.
    """

    def __init__(
        self,
        repository: Path,
        store: ArtifactStore,
        command: str | None,
        folder: Path,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`command` is split as a shell would, and run without one: `{out}` in it is the folder that it is to put the
        libraries into, `{commit}` the commit's name. `folder` is for the work tree and the logs. Raises UserError.
        """
        self._repository = repository
        self._store = store
        self._folder = folder
        self._say = say
        self._clock = clock
        self._tree: Path | None = None
        self.built = 0
        self.quick = False
        try:
            self._command = None if command is None else shlex.split(command)
        except ValueError as error:
            raise UserError(f"--build: expected words as a shell has them, found {command!r} ({error})") from error
        if self._command == []:
            raise UserError("--build: expected a command, found nothing")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._tree is not None:
            self._remove(self._tree)

    def has(self, commit: str, abi: Abi | None = None) -> bool:
        """Whether the store has a build of the commit: for this ABI, or any."""
        abis = self._store.abis(commit)
        return bool(abis) if abi is None else abi in abis

    def build(self, commit: str) -> None:
        """Build a commit, and add the result to the store. Raises BuildFailed, NoSuchArtifact without a command."""
        if self._command is None:
            raise NoSuchArtifact(
                f"{commit[:12]} has no build in {self._store.name}: add it (ontarget artifact add {commit[:12]} "
                "[ABI=]PATH), or say how to build it with --build COMMAND"
            )
        self._say(f"building {commit[:12]}")
        started = self._clock()
        tree = self._checked_out(commit)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="out.") as out:
            self._run(commit, tree, Path(out), self._command)
            for made in self._gathered(commit, Path(out)):
                if self._store.manifest(commit, made.abi) is None:
                    self._store.add(commit, made)
        self.built += 1
        self.quick = self._clock() - started < _QUICK

    def _run(self, commit: str, tree: Path, out: Path, command: list[str]) -> None:
        words = [word.replace("{out}", str(out)).replace("{commit}", commit) for word in command]
        log = self._folder / f"build-{commit[:12]}.log"
        environment = {**_environment(), "ONTARGET_OUT": str(out), "ONTARGET_COMMIT": commit}
        try:
            with log.open("wb") as stream:
                done = subprocess.run(
                    words,
                    cwd=tree,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
        except OSError as error:
            raise BuildFailed(f"{commit[:12]} does not build: {words[0]}: {error.strerror}") from error
        if done.returncode != 0:
            raise BuildFailed(
                f"{commit[:12]} does not build: {words[0]} ended with {done.returncode}; {log} ends in\n{tail(log)}"
            )

    def _gathered(self, commit: str, out: Path) -> list[LocalBuild]:
        try:
            return gathered([str(out)])
        except OntargetError as error:
            raise BuildFailed(
                f"{commit[:12]} does not build: the command succeeded, and was expected to put shared objects for one "
                f"ABI into {{out}} ($ONTARGET_OUT): {error}"
            ) from error

    def _checked_out(self, commit: str) -> Path:
        """The work tree with the commit's files and no other."""
        if self._tree is None:
            tree = self._folder / "worktree"
            self._remove(tree)  # left by a search that was killed
            self._git(self._repository, "worktree", "add", "--force", "--detach", str(tree), commit)
            self._tree = tree
        else:
            self._git(self._tree, "clean", "-ffdxq")
            self._git(self._tree, "checkout", "--quiet", "--force", "--detach", commit)
        return self._tree

    def _remove(self, tree: Path) -> None:
        shutil.rmtree(tree, ignore_errors=True)
        self._git(self._repository, "worktree", "prune")

    def _git(self, folder: Path, *words: str) -> None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise UserError(f"expected git to run in {folder}: {error.strerror}") from error
        if done.returncode != 0:
            raise UserError(f"git {shlex.join(words)} in {folder} ended with {done.returncode}: {done.stderr.strip()}")


def tail(log: Path, lines: int = _TAIL) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    return "\n".join(f"    {line}" for line in text[-lines:])


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}
