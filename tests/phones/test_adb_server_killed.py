"""`adb kill-server`, by somebody at the same host, while a dozen runs use a dozen phones."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.leases.store import DeviceState
from ontarget.device_farm.virtual_phone import VirtualPhone
from support.phones import HOST, AdbServer, running_phone
from support.waiting import eventually

USER = Path(__file__).parent.parent / "support" / "phone_user.py"
COUNT = 12


class User:
    """A process that works on a phone; `said` is what it has told so far."""

    def __init__(self, path: Path, name: str, log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(USER), str(path), name],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def said(self) -> list[str]:
        return self._log.read_text().splitlines()

    def until(self, word: str, times: int) -> None:
        def heard() -> bool:
            lines = self.said
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} has ended: {lines}")
            return sum(line.startswith(word) for line in lines) >= times

        eventually(heard, f"{self.name}: {word} ({times})", 60.0)


@pytest.fixture
def dozen(own_server: AdbServer, tmp_path: Path) -> Iterator[Path]:
    """A farm of a dozen phones at one server, each with a root of its own."""
    with ExitStack() as stack:
        phones: list[VirtualPhone] = [
            stack.enter_context(running_phone(tmp_path / f"tools-{n}", rooted=True)) for n in range(COUNT)
        ]
        path = tmp_path / "farm.toml"
        path.write_text(
            f'version = 1\nstore = "sqlite:///{tmp_path / "leases.db"}"\n'
            + "".join(
                f'[[device]]\nname = "phone-{n}"\nconnect = "adb:{phone.serial}@{HOST}:{own_server.port}"\n'
                for n, phone in enumerate(phones)
            )
        )
        yield path


def test_a_server_killed_under_a_dozen_leases(own_server: AdbServer, dozen: Path, tmp_path: Path) -> None:
    environment = {
        **own_server.environment,
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
    }
    users = [User(dozen, f"phone-{n}", tmp_path / f"said-{n}", environment) for n in range(COUNT)]
    try:
        for user in users:
            user.until("working", 1)
        own_server.kill()
        for user in users:
            user.until("infra", 1)
            user.until("working", 2)
        with Farm.open(load(dozen)) as farm:  # nobody has lost what he had
            assert {status.name: status.holder for status in farm.statuses()} == {
                user.name: user.name for user in users
            }
        for user in users:
            assert user.process.stdin is not None
            user.process.stdin.close()
        assert [user.process.wait(60) for user in users] == [0] * COUNT
    finally:
        for user in users:
            user.process.kill()
            user.process.wait()
    for user in users:
        assert user.said[-1] == "done", user.said
        assert not [line for line in user.said if not line.startswith(("working", "infra DeviceUnreachable", "done"))]
    with Farm.open(load(dozen)) as farm:
        assert {status.state for status in farm.statuses()} == {DeviceState.AVAILABLE}
