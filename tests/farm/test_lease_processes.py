"""Leases among real processes, killed and stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ontarget.device_farm.farm import Farm
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import DeviceState
from support import lease_client

PROCESSES = 8
TURNS = 30


def client(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, lease_client.__file__, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def store_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'farm.db'}"
    address: str = request.getfixturevalue("postgresql_store")
    return address


@contextmanager
def farm_with_holder(address: str, ttl: float) -> Iterator[tuple[Farm, "subprocess.Popen[str]"]]:
    with (
        Farm(lease_client.inventory(address), open_store(address)) as farm,
        client(address, "hold", str(ttl)) as holder,
    ):
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline().startswith("held")
            yield farm, holder
        finally:
            holder.kill()


def test_no_device_is_used_by_two(tmp_path: Path, store_address: str) -> None:
    with Farm(lease_client.inventory(store_address), open_store(store_address)) as farm:
        clients = [client(store_address, "contend", str(tmp_path), str(TURNS)) for _ in range(PROCESSES)]
        for process in clients:
            _, errors = process.communicate(timeout=100)
            assert process.returncode == 0, errors
        assert {status.state for status in farm.statuses()} == {DeviceState.AVAILABLE}
    seen = [list(map(int, path.read_text().split())) for path in tmp_path.glob("*.tokens")]
    for tokens in seen:
        assert tokens == sorted(set(tokens)), "a device saw an older token after a newer one"
    everything = [token for tokens in seen for token in tokens]
    assert len(set(everything)) == len(everything) == PROCESSES * (TURNS + TURNS // 4)


def test_a_killed_clients_device_comes_back(store_address: str) -> None:
    with farm_with_holder(store_address, 1.0) as (farm, holder):
        holder.kill()
        holder.wait()
        said: list[str] = []
        with farm.lease({"name": "a"}, wait=30.0, progress=said.append) as lease:
            lease.check()
        assert "held by holder" in said[0]


def test_a_stopped_client_learns_that_its_lease_has_passed_on(store_address: str) -> None:
    with farm_with_holder(store_address, 1.0) as (farm, holder):
        assert holder.stdin is not None
        assert holder.stdout is not None
        os.kill(holder.pid, signal.SIGSTOP)
        with farm.lease({"name": "a"}, wait=30.0, owner="next"):
            os.kill(holder.pid, signal.SIGCONT)
            holder.stdin.write("and now?\n")
            holder.stdin.flush()
            answer = holder.stdout.readline()
        assert answer.startswith("lost")
        assert "a" in answer
