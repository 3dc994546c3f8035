"""Real agents on this machine: for its own ABI, and for others under Debian's user-mode QEMU."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ontarget.device_farm import debian
from ontarget.harness.abi import Abi
from ontarget.harness.agent import build
from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession, Fence
from ontarget.harness.transports.local import LocalTransport
from ontarget.harness.transports.protocols import ByteChannel, Transport

NATIVE = Abi.X86_64
EMULATORS = {Abi.AARCH64: ("qemu-aarch64", "arm64"), Abi.ARMHF: ("qemu-arm", "armhf")}
ABIS = (NATIVE, *EMULATORS)


class EmulatedTransport(LocalTransport):
    """This machine, its agent run by an emulator of another processor, over that processor's own libc."""

    def __init__(self, name: str, emulator: Sequence[str]) -> None:
        super().__init__(name)
        self._emulator = tuple(emulator)

    def open(self, argv: Sequence[str]) -> ByteChannel:
        program, *words = argv
        return super().open([*self._emulator, program, *words, "--", *self._emulator, program])


class AsUser(LocalTransport):
    """This machine, its agent run as a user who has no other: as over adb. `root` is the agent's deploy root."""

    def __init__(self, name: str, user: int, root: Path) -> None:
        super().__init__(name)
        self._user = user
        self._root = root

    def open(self, argv: Sequence[str]) -> ByteChannel:
        return super().open(["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *argv])

    def put(self, local: Path, remote: str, *, executable: bool = False, deadline: float = 120.0) -> None:
        super().put(local, remote, executable=executable, deadline=deadline)
        for path in (self._root, *self._root.rglob("*")):
            os.chown(path, self._user, self._user)


def transport_for(abi: Abi, cache: Path) -> Transport:
    """A device of the ABI; `cache` is a folder to unpack Debian's libc into."""
    if abi is NATIVE:
        return LocalTransport(f"test-{abi}")
    emulator, architecture = EMULATORS[abi]
    tree = cache / architecture
    if not tree.is_dir():
        # The cross compilers' packages hold the same libraries, and come with the host's own package lists.
        packages = [f"libc6-{architecture}-cross", f"libgcc-s1-{architecture}-cross"]
        debian.extract(debian.fetch(packages, "amd64", keep=packages.__contains__), tree)
    return EmulatedTransport(f"test-{abi}", (emulator, "-L", str(tree / "usr" / str(abi.triplet))))


def start(transport: Transport, root: Path, *, token: int = 1, store: str = "test", abi: Abi = NATIVE) -> AgentSession:
    return AgentSession.start(transport, device=transport.name, root=str(root), fence=Fence(store, token), abi=abi)


def compile_library(source: str, target: Path, abi: Abi = NATIVE, flags: Sequence[str] = ()) -> Path:
    """A shared object from C text."""
    text = target.with_suffix(".c")
    text.write_text(source)
    zig = (sys.executable, "-m", "ziglang", "cc", "-target", str(abi.zig_target))
    compiler = ("cc",) if abi is build.host_abi() else zig
    words = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-Wl,-soname," + target.name)
    subprocess.run([*compiler, *words, str(text), "-o", str(target), *flags], check=True, capture_output=True)
    return target


def deploy(session: AgentSession, library: Path) -> str:
    """Store a file; its path on the device."""
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    if session.stat_file(digest, library.name) is None:
        session.store_file(library, digest, library.name)
    return session.path_of(digest, library.name)


def spawn(session: AgentSession, library: Path, label: str = "candidate") -> Process:
    return session.spawn(deploy(session, library), label=label)
