"""A real labgrid coordinator and exporter from PyPI, in an environment of their own under the user's cache."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from ontarget.device_farm.locks import exclusive
from support.waiting import eventually

VERSION = "26.0.1"


class NoLabgrid(Exception):
    """labgrid's environment could not be made; the message says why."""


def environment() -> Path:
    """Return the folder of programs of an environment with labgrid, made if there is none. Raises NoLabgrid.

    It is apart from ours, as labgrid replaces pyserial and brings a pytest plugin along.
    """
    folder = platformdirs.user_cache_path("ontarget") / "tests" / f"labgrid-{VERSION}-python{sys.version_info[1]}"
    ready = folder / "ready"
    with exclusive(folder.with_suffix(".lock")):
        if not ready.exists():
            for argv in (
                [sys.executable, "-m", "venv", "--clear", str(folder)],
                [str(folder / "bin/python"), "-m", "pip", "install", "-q", f"labgrid=={VERSION}"],
            ):
                done = subprocess.run(argv, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise NoLabgrid(f"labgrid {VERSION} could not be installed: {' '.join(argv)}: {done.stderr[-500:]}")
            ready.touch()
    return folder / "bin"


@dataclass
class Coordinator:
    """A coordinator and an exporter "lab", with their files in `folder`. `target` is host:port."""

    programs: Path
    folder: Path
    target: str
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"labgrid://{self.target}"

    def client(self, *words: str, user: str = "anna", host: str = "desk") -> str:
        """Run labgrid-client as another user's and return what it prints."""
        argv = [str(self.programs / "labgrid-client"), "-x", self.target, *words]
        identity = {"LG_HOSTNAME": host, "LG_USERNAME": user, "PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        return subprocess.run(argv, env=identity, capture_output=True, text=True, check=True).stdout

    def start(self) -> None:
        """Start both; the coordinator at the address that it had, if it had one."""
        started = self._run("labgrid-coordinator", "-l", self.target)
        self.target = _listening(self.folder, started)
        exporter = self._run("labgrid-exporter", "-c", self.target, "--name", "lab", "exporter.yaml")
        eventually(lambda: self._offered(exporter), "its resources", 30.0)

    def kill(self) -> None:
        while self.processes:
            process = self.processes.pop()
            process.kill()
            process.wait()

    def _run(self, program: str, *words: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{program}.log").open("w") as log:
            process = subprocess.Popen(
                [str(self.programs / program), *words],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
            )
        self.processes.append(process)
        return process

    def _offered(self, exporter: "subprocess.Popen[bytes]") -> bool:
        if exporter.poll() is not None:
            raise RuntimeError(f"labgrid-exporter ended:\n{(self.folder / 'labgrid-exporter.log').read_text()}")
        return "lab/" in self.client("resources")


@contextmanager
def coordinator(folder: Path, places: Mapping[str, str], resources: str) -> Iterator[Coordinator]:
    """Run a coordinator and an exporter "lab" with these `resources` (YAML of an exporter's configuration).

    `places` are names and their tags as YAML; a place has the resources of the exporter's group of its name.
    Raises NoLabgrid.
    """
    running = Coordinator(environment(), folder, "127.0.0.1:0")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "places.yaml").write_text("".join(_place(name, tags) for name, tags in places.items()))
    (folder / "exporter.yaml").write_text(resources)
    try:
        running.start()
        yield running
    finally:
        running.kill()


def _place(name: str, tags: str) -> str:
    return f"""\
{name}:
  aliases: []
  comment: ''
  tags: {{{tags}}}
  matches: [{{exporter: lab, group: {name}, cls: '*', name: null, rename: null}}]
  created: 1.0
  changed: 1.0
"""


def _listening(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    """Wait until it listens; return host:port."""
    log = folder / "labgrid-coordinator.log"

    def found() -> "re.Match[str] | None":
        if process.poll() is not None:
            raise RuntimeError(f"labgrid-coordinator ended before it listened:\n{log.read_text()}")
        return re.search(r"^listening on (\S+)$", log.read_text(), re.MULTILINE)

    eventually(lambda: found() is not None, "a coordinator that listens", 30.0)
    match = found()
    return "" if match is None else match[1]
