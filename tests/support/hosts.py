"""Hosts of a network of their own on this machine: network namespaces, each with a real sshd.

The controller (this process) reaches each lab host, and only that one reaches the device behind it:

    controller --- lab host --- device
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from support.sshd import make_key

PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"
_SSHD = """
ListenAddress {address}
Port 22
HostKey {folder}/host_{name}
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv HOME={folder}/home
{extra}
"""
# A device's agent keeps its files where those of this machine's own would be: each host has a folder of its own.
_START = 'mkdir -p /var/lib/ontarget && mount -t tmpfs -o mode=755 tmpfs /var/lib/ontarget && exec "$@"'


_made = itertools.count()


@dataclass
class Host:
    """One network namespace. `link` is its cable, as the controller or the lab host names it."""

    name: str
    address: str
    namespace: str
    link: str
    host_key: str = ""
    behind: "Host | None" = None
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    ends: list[Callable[[], None]] = field(default_factory=list)
    """What is called as the host ends, the last first."""

    def run(self, *argv: str, wait: bool = True) -> "subprocess.Popen[bytes]":
        """Start a program there; a server is ended with the host."""
        process = subprocess.Popen(["ip", "netns", "exec", self.namespace, *argv], stderr=subprocess.PIPE)
        if wait:
            assert process.wait(30) == 0, process.communicate()
        else:
            self.processes.append(process)
        return process

    def hang_up(self) -> None:
        """End the SSH connections to it."""
        server = psutil.Process(self.processes[0].pid)
        for session in server.children():
            session.kill()

    def cut(self) -> None:
        """Pull the cable: nothing is sent or told any more."""
        where = () if self.behind is None else ("-n", self.behind.namespace)
        ip(*where, "link", "set", self.link, "down")


@dataclass
class Network:
    """Lab hosts and the devices behind them, by name; `folder` is the home of a user whom all let in."""

    folder: Path
    labs: dict[str, Host]
    devices: dict[str, Host]

    @property
    def environment(self) -> dict[str, str]:
        """For a client: whose keys and known hosts are meant."""
        cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        return {"HOME": str(self.folder), "XDG_CACHE_HOME": cache}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def require_namespaces() -> None:
    """Skip, by name, where this machine or user cannot make them."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    if shutil.which("ip", path=f"{os.environ['PATH']}:{PROGRAMS}") is None:
        pytest.skip("needs ip: install the Debian package iproute2 (see ci/system-packages)")
    tried = subprocess.run(["ip", "netns", "add", f"ot{os.getpid()}try"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"needs the right to make network namespaces: {tried.stderr.strip()}")
    ip("netns", "del", f"ot{os.getpid()}try")


@contextmanager
def network(folder: Path, names: tuple[str, ...] = ("a", "b"), *, sshd_extra: str = "") -> Iterator[Network]:
    """Hosts lab-NAME and dut-NAME for each name, with a cable from here to each lab host, and one from there on."""
    require_namespaces()
    (folder / "home").mkdir(parents=True)
    (folder / ".ssh").mkdir(mode=0o700)
    make_key(folder / ".ssh" / "id_ed25519")
    shutil.copy(folder / ".ssh" / "id_ed25519.pub", folder / "user.pub")
    unique = (os.getpid() + 97 * next(_made)) % 250
    made = Network(folder, {}, {})
    known = []
    with ExitStack() as undo:
        for number, name in enumerate(names):
            near, far = f"10.{200 + number}.{unique}", f"10.{210 + number}.{unique}"
            lab = Host(f"lab-{name}", f"{near}.2", f"ot{os.getpid()}-{unique}lab{name}", f"ot{unique}l{name}")
            device = Host(
                f"dut-{name}", f"{far}.2", f"ot{os.getpid()}-{unique}dut{name}", f"ot{unique}d{name}", behind=lab
            )
            for host in (lab, device):
                ip("netns", "add", host.namespace)
                undo.callback(_forget, host)
            ip("link", "add", lab.link, "type", "veth", "peer", "name", "eth0", "netns", lab.namespace)
            ip(
                "-n",
                lab.namespace,
                "link",
                "add",
                device.link,
                "type",
                "veth",
                "peer",
                "eth0",
                "netns",
                device.namespace,
            )
            ip("address", "add", f"{near}.1/24", "dev", lab.link)
            ip("link", "set", lab.link, "up")
            ip("-n", lab.namespace, "address", "add", f"{far}.1/24", "dev", device.link)
            ip("-n", lab.namespace, "link", "set", device.link, "up")
            for host in (lab, device):
                ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
                ip("-n", host.namespace, "link", "set", "eth0", "up")
                ip("-n", host.namespace, "link", "set", "lo", "up")
                _serve(host, folder, sshd_extra)
                known.append(f"{host.address} {(folder / f'host_{host.name}.pub').read_text()}")
            made.labs[name], made.devices[name] = lab, device
        (folder / ".ssh" / "known_hosts").write_text("".join(known))
        yield made


def _serve(host: Host, folder: Path, extra: str) -> None:
    host.host_key = make_key(folder / f"host_{host.name}")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config = folder / f"sshd_{host.name}"
    config.write_text(_SSHD.format(address=host.address, folder=folder, name=host.name, extra=extra))
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:{PROGRAMS}")
    assert program is not None
    server = host.run("sh", "-c", _START, "sh", program, "-D", "-e", "-f", str(config), wait=False)
    assert server.stderr is not None
    for line in server.stderr:
        if b"Server listening" in line:
            return
    raise AssertionError(f"sshd of {host.name} did not start")


def _forget(host: Host) -> None:
    while host.ends:
        host.ends.pop()()
    for process in host.processes:
        process.kill()
        process.wait()
    done = subprocess.run(["ip", "netns", "pids", host.namespace], capture_output=True, text=True, check=False)
    for number in done.stdout.split():
        subprocess.run(["kill", "-9", number], check=False, capture_output=True)
    ip("netns", "del", host.namespace)
