"""Real adb servers and virtual phones for tests; each server has a port, keys and a home of its own."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ontarget.device_farm.boards import Board
from ontarget.device_farm.virtual_phone import VirtualPhone, tools
from ontarget.device_farm.virtual_phone.behind import Behind, on_board, private_root, this_machine
from ontarget.harness.agent.build import host_abi
from ontarget.harness.android import CLOCK
from ontarget.harness.transports.adb import AdbTransport
from ontarget.harness.transports.address import AdbAddress
from support.hosts import Host
from support.sshd import free_port
from support.waiting import eventually

HOST = "127.0.0.1"


@dataclass
class AdbServer:
    """Debian's adb server at `port`. It ends with the test session; `start` brings one back that was killed."""

    home: Path
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home), "ANDROID_ADB_SERVER_PORT": str(self.port)}

    def start(self) -> None:
        """As people do it: by the client, of which there is one version here."""
        self.client("start-server")

    def client(self, *words: str, most: float = 60.0) -> subprocess.CompletedProcess[str]:
        program = shutil.which("adb")
        if program is None:
            raise RuntimeError("expected adb on this machine: install the package adb (see ci/system-packages)")
        return subprocess.run(
            [program, *words], env=self.environment, capture_output=True, text=True, timeout=most, check=False
        )

    def kill(self) -> None:
        self.client("kill-server")

    @property
    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def address(self, phone: VirtualPhone) -> AdbAddress:
        return AdbAddress(phone.serial, HOST, self.port)

    def transport(self, phone: VirtualPhone, name: str = "phone-7", deadline: float = 20.0) -> AdbTransport:
        return AdbTransport.connect(name, self.address(phone), deadline=deadline)

    def state(self, phone: VirtualPhone) -> str:
        """What it lists the phone as; "" where it does not."""
        lines = self.client("devices").stdout.splitlines()
        return next((line.partition("\t")[2] for line in lines if line.startswith(f"{phone.serial}\t")), "")

    def until(self, phone: VirtualPhone, *states: str) -> None:
        eventually(lambda: self.state(phone) in states, f"{' or '.join(states)} at the adb server", deadline=30)


@contextmanager
def running_server(home: Path) -> Iterator[AdbServer]:
    home.mkdir(parents=True, exist_ok=True)
    server = AdbServer(home)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_phone(folder: Path, *, rooted: bool = False) -> Iterator[VirtualPhone]:
    """A phone whose commands run on this machine; `rooted` with its own root as user `shell`, else as they are."""
    abi = str(host_abi())
    tools.write(folder, abi=abi, serial="VIRTUAL0001")
    with ExitStack() as stack:
        behind: Behind = stack.enter_context(private_root(abi, folder)) if rooted else this_machine(abi, folder)
        yield stack.enter_context(VirtualPhone(behind))


@contextmanager
def phone_behind(board: Board, folder: Path) -> Iterator[VirtualPhone]:
    """A phone whose commands run on an emulated board; its clock counts instructions, as the board's does."""
    tools.write(folder, abi="aarch64", serial="VIRTUAL0002", more={CLOCK: "instructions"})
    with on_board(board, folder) as behind, VirtualPhone(behind) as phone:
        yield phone


def phone_on(host: Host, home: Path) -> str:
    """Start an adb server at the host's own loopback address and port, and a phone beside it; the phone's serial."""
    home.mkdir(parents=True)
    inside = ["ip", "netns", "exec", host.namespace, "env", f"HOME={home}"]
    subprocess.run([*inside, "adb", "start-server"], check=True, capture_output=True, timeout=60)
    phone = subprocess.Popen(
        [*inside, sys.executable, "-m", "ontarget.device_farm.virtual_phone", "--port", "5555"],
        stdout=subprocess.PIPE,
        text=True,
    )
    host.ends.append(lambda: ended(phone))
    assert phone.stdout is not None
    return phone.stdout.readline().strip().removeprefix("adb:")


def ended(phone: "subprocess.Popen[str]") -> None:
    """As Ctrl-C does it: what it made is undone."""
    phone.terminate()
    phone.communicate(timeout=30)


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    """One server for all tests that do not break it, as one serves a whole host."""
    with running_server(tmp_path_factory.mktemp("adb")) as server:
        yield server
