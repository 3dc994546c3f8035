"""A real OpenSSH server on the loopback address, with keys and a configuration of its own; needs no privileges."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from ontarget.harness.transports.address import SshAddress
from ontarget.harness.transports.ssh import SshTransport

HOST = "127.0.0.1"
_TRIES = 5

_CONFIG = """
ListenAddress {host}
Port {port}
HostKey {folder}/host_ed25519
HostKey {folder}/host_rsa
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitUserEnvironment no
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
SetEnv HOME={folder}/home
{extra}
"""


@dataclass(frozen=True)
class Sshd:
    """A running server. `key` is a private key that it lets in, `host_key` its Ed25519 key's fingerprint."""

    folder: Path
    port: int
    user: str
    key: Path
    host_key: str
    known_hosts: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> SshAddress:
        return SshAddress(HOST, self.user, self.port)

    def connect(self, name: str = "sshd", *, deadline: float = 20.0) -> SshTransport:
        return SshTransport.connect(
            name, self.address, host_key=self.host_key, identity=self.key, config=None, deadline=deadline
        )

    def sessions(self) -> list[psutil.Process]:
        """The server's processes that each serve a connection (and what runs in them)."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill_sessions(self) -> None:
        """End every connection, as a crash of the server would; commands that run in them are left alone."""
        for process in self.sessions():
            if process.name().startswith("sshd"):
                process.kill()

    def stop_sessions(self) -> None:
        """Let the server fall silent with its connections open."""
        for process in self.sessions():
            if process.name().startswith("sshd"):
                process.suspend()


def make_key(path: Path, kind: str = "ed25519", *, passphrase: str = "") -> str:
    """Write a private key and its `.pub`; return the fingerprint."""
    bits = ("-b", "2048") if kind == "rsa" else ()
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-f", str(path)], check=True)
    said = subprocess.run(["ssh-keygen", "-lf", f"{path}.pub"], check=True, capture_output=True, text=True).stdout
    return said.split()[1]


@contextmanager
def running_sshd(folder: Path, *, extra: str = "") -> Iterator[Sshd]:
    """Run a server whose files are in `folder`; `extra` is more of sshd_config."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise RuntimeError("expected sshd on this machine: install openssh-server (see ci/system-packages)")
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(
            mode=0o755, exist_ok=True
        )  # where it separates privileges, made by the system's start-up
    (folder / "home").mkdir()  # start-up files of the user's shell are not part of a test
    host_key = make_key(folder / "host_ed25519")
    make_key(folder / "host_rsa", "rsa")
    make_key(folder / "user")
    (folder / "authorized_keys").write_bytes((folder / "user.pub").read_bytes())
    process, port = _start(program, folder, extra)
    known = folder / "known_hosts"
    kind, key = (folder / "host_ed25519.pub").read_text().split()[:2]
    known.write_text(f"[{HOST}]:{port} {kind} {key}\n")
    server = Sshd(folder, port, getpass.getuser(), folder / "user", host_key, known, process)
    try:
        yield server
    finally:
        # Whatever a test has left running in its sessions ends here too.
        left = server.sessions() if process.poll() is None else []
        process.kill()
        process.wait()
        for session in left:
            try:
                session.kill()
            except psutil.NoSuchProcess:
                continue


def _start(program: str, folder: Path, extra: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port; another may take the port in between, so a few are tried."""
    said = ""
    for _ in range(_TRIES):
        port = free_port()
        config = folder / "sshd_config"
        config.write_text(_CONFIG.format(host=HOST, port=port, folder=folder, extra=extra))
        process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=subprocess.PIPE, process_group=0)
        said = _until_listening(process)
        if process.poll() is None:
            return process, port
    raise RuntimeError(f"sshd does not start: {said}")


def _until_listening(process: subprocess.Popen[bytes]) -> str:
    if process.stderr is None:
        raise RuntimeError("sshd was started without its stderr")
    said = b""
    for line in process.stderr:
        said += line
        if b"Server listening" in line:
            return said.decode()
    process.wait()
    return said.decode(errors="replace")


def free_port() -> int:
    """A port of the loopback address that nobody listens at."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
