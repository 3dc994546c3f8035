"""Compiled kernels on the device, kept from one process of a build to the next while the device is held.

Drivers compile kernels at their first use, which takes seconds, and keep them in a folder. Each process gets a folder
of its own, a copy of what an earlier process of the same build left: processes run as users of their own, whose files
others cannot read, and what one build's code writes another's must not load. The copy is made when its writer has
ended. Nothing stays beyond the lease.
"""

import secrets
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.errors import DeviceFull
from ontarget.harness.transports.protocols import CommandRunner

_FOLDER: Final = "kernels"


class KernelCaches:
    """The folders of one device. Not thread-safe."""

    def __init__(self, runner: CommandRunner, root: str, device: str) -> None:
        self._runner = runner
        self._all = PurePosixPath(root) / _FOLDER
        self._top = self._all / secrets.token_hex(8)  # whoever is late removes no other's
        self._device = device
        self._made = False
        self._kept: dict[str, PurePosixPath] = {}  # by build
        self._running: list[tuple[AgentSession, Process, str, PurePosixPath]] = []

    def folder(self, build: str, *, cold: bool = False) -> str:
        """A folder for a new process, with what a process of this build left; empty if `cold`. Raises DeviceFull."""
        if not self._made:  # what a killed run left goes, too
            self._run("rm", "-rf", str(self._all))
            self._run("mkdir", "-p", "-m", "0711", str(self._top))
            self._made = True
        self._collect()
        # none but its process is told the name, and nobody can list the folder above
        new = self._top / secrets.token_hex(16)
        kept = self._kept.get(build)
        if cold or kept is None:
            self._run("mkdir", str(new))
        else:
            self._run("cp", "-R", str(kept), str(new))
        self._run("chmod", "-R", "a+rwX", str(new))
        return str(new)

    def given(self, session: AgentSession, process: Process, build: str, folder: str) -> None:
        """A process runs with that folder: it is kept for the next one, if this one ends well."""
        self._running.append((session, process, build, PurePosixPath(folder)))

    def forget(self, build: str) -> None:
        """The next process of the build compiles its kernels anew."""
        self._collect()
        kept = self._kept.pop(build, None)
        if kept is not None:
            self._run("rm", "-rf", str(kept))

    def close(self) -> None:
        """Remove all. Raises what the transport raises."""
        if self._made:
            self._run("rm", "-rf", str(self._top))
            self._made = False
            self._kept.clear()
            self._running.clear()

    def _collect(self) -> None:
        """Keep what processes left that have ended; of one that crashed or hung nothing is believed."""
        still = []
        for entry in self._running:
            session, process, build, folder = entry
            if not process.closed:
                still.append(entry)
                continue
            if not session.settle(process) or process.broken:
                self._run("rm", "-rf", str(folder))
                continue
            new = self._top / secrets.token_hex(16)
            self._run("mv", str(folder), str(new))
            old, self._kept[build] = self._kept.get(build), new
            if old is not None:
                self._run("rm", "-rf", str(old))
        self._running = still

    def _run(self, *argv: str) -> None:
        done = self._runner.run(list(argv))
        if done.status != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise DeviceFull(f"{' '.join(argv[:2])} for compiled kernels failed: {said}", device=self._device)


def environment(folder: str, variables: Sequence[str]) -> dict[str, str]:
    """What tells drivers where to keep their kernels."""
    return dict.fromkeys(variables, folder)
