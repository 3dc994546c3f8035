"""Other tools that look for changes in histories, from PyPI, each in an environment of its own: their needs differ."""

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from benchmarks.histories.series import History

WORKER = Path(__file__).parent / "peer_worker.py"
_INSTALL_SECONDS, _RUN_SECONDS = 900, 3600


@dataclass(frozen=True)
class Peer:
    """A tool by the name and version of its package, and what its method is called."""

    package: str
    version: str
    method: str

    @property
    def name(self) -> str:
        return f"{self.method} ({self.package} {self.version})"

    @property
    def home(self) -> Path:
        return user_cache_path("ontarget") / "benchmarks" / f"{self.package}-{self.version}"


PEERS = (
    Peer("signal-processing-algorithms", "2.1.6", "E-divisive"),
    Peer("apache-otava", "0.8.0", "Otava"),
    Peer("asv", "0.6.6", "asv"),
)


def installed(peer: Peer) -> bool:
    return (peer.home / "installed").exists()


def install(peer: Peer) -> str | None:
    """Make the peer's environment where there is none; returns why it can't be had, or None."""
    if installed(peer):
        return None
    venv.create(peer.home, with_pip=True, clear=True)
    packages = [f"{peer.package}=={peer.version}", "numpy"]
    command = [str(peer.home / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"pip ended with {done.returncode}"
    (peer.home / "installed").touch()
    return None


def ask(peer: Peer, histories: Sequence[History], seed: int) -> list[list[int]]:
    """What the peer finds in each history."""
    command = [str(peer.home / "bin" / "python"), str(WORKER), peer.package]
    asked = json.dumps({"seed": seed, "series": [np.asarray(history.series).tolist() for history in histories]})
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise RuntimeError(f"expected {peer.name} to look at histories, but it ended with {done.returncode}")
    found: list[list[int]] = json.loads(done.stdout)
    return found
