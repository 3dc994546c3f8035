"""The command `ontarget` as a process, in a folder with a farm of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_OTHERS = ("ONTARGET_", "CI_", "GITHUB_", "COLUMNS", "FORCE_COLOR")


@dataclass(frozen=True)
class CommandLine:
    """`run` types a command in `folder`; `more` goes into its environment."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def farm(self, store: str) -> None:
        """Write a farm.toml with one device, on this store."""
        text = f'version = 1\nstore = "{store}"\n[[device]]\nname = "pi-1"\nmodel = "pi"\nconnect = "ssh:127.0.0.1:1"\n'
        (self.folder / "farm.toml").write_text(text)

    def environ(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(_OTHERS)}
        return {**inherited, "XDG_STATE_HOME": str(self.folder / "state"), **self.environment}

    def run(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "ontarget.device_farm.cli", *words],
            cwd=self.folder,
            env={**self.environ(), **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self, *words: str, **more: str) -> str:
        """Run what is to succeed, and return what it printed."""
        done = self.run(*words, **more)
        if done.returncode:
            raise AssertionError(f"ontarget {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout
