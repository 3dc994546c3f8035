"""Runs the programs that switch power for a driver."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from ontarget.harness.errors import InfraError, UserError


def found(device: str, program: str, package: str) -> str:
    """The path of a program of the PATH, or of where servers' programs live. Raises UserError."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        raise UserError(f"expected {program} on the PATH, to switch its power: install {package}", device=device)
    return path


def run(device: str, argv: Sequence[str], *, seconds: float, environment: Mapping[str, str] | None = None) -> str:
    """Run it, and return what it prints. Raises InfraError if it fails, or does not end within `seconds`."""
    shown = " ".join(argv)
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InfraError(f"`{shown}`, which switches its power, took over {seconds:g} s", device=device) from error
    except OSError as error:
        raise InfraError(f"`{shown}`, which switches its power, cannot be run: {error}", device=device) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["it said nothing"]
        raise InfraError(
            f"`{shown}`, which switches its power, ended with status {done.returncode}: {said[0]}", device=device
        )
    return done.stdout
