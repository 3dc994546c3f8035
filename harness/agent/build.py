"""Builds the agent on the host for a device's ABI, once for each state of its sources and compiler."""

import fcntl
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ontarget.harness.abi import Abi
from ontarget.harness.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "ontarget-agent"
SOURCES = Path(__file__).parent / "src"
# Programs built elsewhere (in a wheel, or by an NDK), each as <digest of the sources>/<ABI>/ontarget-agent.
PREBUILT = Path(__file__).parent / "prebuilt"

_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-O2", "-fPIE", "-pie", "-s", "-Wall", "-Wextra")
_LIBRARIES = ("-ldl", "-lpthread")
_SHARED_FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-s", "-Wall", "-Wextra")
_DEADLINE = 600.0

_log = logging.getLogger(__name__)


def sources_digest() -> str:
    """SHA-256 of the agent's sources."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def program_for(abi: Abi, flags: Sequence[str] = ()) -> Path:
    """The agent for an ABI, built if need be; `flags` are added to the compiler's.

    Cached by the digest of sources, compiler and flags. Raises AgentError if there is no compiler for the ABI.
    """
    sources = sources_digest()
    cache = platformdirs.user_cache_path("ontarget") / "agents"
    for folder in () if flags else (PREBUILT, cache):
        prebuilt = folder / sources / abi / PROGRAM
        if prebuilt.is_file():
            return prebuilt
    compiler, version = _compiler(abi, cache / sources / abi / PROGRAM)
    key = hashlib.sha256("\0".join((sources, version, *compiler, *_FLAGS, *flags)).encode()).hexdigest()[:32]
    target = cache / key / PROGRAM
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent / "lock"):
        if not target.is_file():
            _compile([*compiler, *_FLAGS, *flags, *map(str, sorted(SOURCES.glob("*.c")))], target, abi, _LIBRARIES)
    return target


def shared_object_for(abi: Abi, source: Path) -> Path:
    """A library of one C file, called lib<name>.so after it, for an ABI: built if need be, and cached as the agent is.

    One that was built elsewhere lies as prebuilt/<digest of the file>/<ABI>/lib<name>.so. Raises AgentError.
    """
    name = f"lib{source.stem}.so"
    digest = _digest(source)
    cache = platformdirs.user_cache_path("ontarget") / "libraries"
    for folder in (PREBUILT, cache):
        prebuilt = folder / digest / abi / name
        if prebuilt.is_file():
            return prebuilt
    compiler, version = _compiler(abi, cache / digest / abi / name)
    flags = _shared_flags(name)
    key = hashlib.sha256("\0".join((digest, version, *compiler, *flags)).encode()).hexdigest()[:32]
    target = cache / key / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent / "lock"):
        if not target.is_file():
            _compile([*compiler, *flags, str(source)], target, abi)
    return target


def _digest(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def _shared_flags(name: str) -> tuple[str, ...]:
    return *_SHARED_FLAGS, f"-Wl,-soname,{name}"


def embed(sources: Sequence[Path], folder: Path = PREBUILT) -> list[Path]:
    """Build the agent, and a library of each of these C files, for all Linux ABIs, to where they are looked for.

    All by ziglang, so that they run with the oldest glibc served. What lay in `folder` is removed. Raises AgentError.
    """
    if folder.exists():
        shutil.rmtree(folder)
    built = []
    for abi in Abi:
        if abi.zig_target is None:
            continue
        zig = _zig(abi.zig_target)
        agent = folder / sources_digest() / abi / PROGRAM
        commands: list[tuple[list[str], Path, tuple[str, ...]]]
        commands = [([*zig, *_FLAGS, *map(str, sorted(SOURCES.glob("*.c")))], agent, _LIBRARIES)]
        for source in sources:
            library = folder / _digest(source) / abi / f"lib{source.stem}.so"
            commands.append(([*zig, *_shared_flags(library.name), str(source)], library, ()))
        for command, target, libraries in commands:
            target.parent.mkdir(parents=True, exist_ok=True)
            _compile(command, target, abi, libraries)
            built.append(target)
    return built


def _compiler(abi: Abi, elsewhere: Path) -> tuple[list[str], str]:
    if abi is host_abi():
        compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("cc")
        if compiler is not None:
            found = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
            return [compiler], found.stdout
    if abi.zig_target is None:
        raise AgentError(
            f"the agent for {abi} has to be built with Android's NDK: cmake -S {SOURCES} with its toolchain file, "
            f"-DANDROID_ABI={abi} and -DANDROID_PLATFORM=24; then copy {PROGRAM} to {elsewhere}"
        )
    try:
        return _zig(abi.zig_target), metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        raise AgentError(
            f"no compiler for the agent's ABI {abi}: install the extra `ontarget[cross]` (which brings ziglang), "
            f"or build {SOURCES} with CMake and copy {PROGRAM} to {elsewhere}"
        ) from None


def _zig(target: str) -> list[str]:
    return [sys.executable, "-m", "ziglang", "cc", "-target", target]


def host_abi() -> Abi | None:
    """The ABI of this machine; None if ontarget does not know it."""
    machines = {"x86_64": Abi.X86_64, "aarch64": Abi.AARCH64, "armv7l": Abi.ARMHF}
    return machines.get(platform.machine()) if sys.platform == "linux" else None


@contextmanager
def _alone(lock: Path) -> "Iterator[None]":
    """One builder at a time; the others find what it built."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(command: Sequence[str], target: Path, abi: Abi, libraries: Sequence[str] = ()) -> None:
    _log.info("building %s for %s (the first build for an ABI can take a minute)", target.name, abi)
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    argv = [*command, "-o", str(fresh), *libraries]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, timeout=_DEADLINE)
    except subprocess.TimeoutExpired:
        raise AgentError(f"building {target.name} for {abi} took over {_DEADLINE:g} s: {argv}") from None
    if done.returncode != 0:
        fresh.unlink(missing_ok=True)
        raise AgentError(f"{target.name} for {abi} could not be built by {argv}:\n{done.stderr[-4000:]}")
    fresh.rename(target)
