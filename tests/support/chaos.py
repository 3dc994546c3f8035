"""A chaos run: clients are killed, stopped past their leases and continued, the database is restarted under them."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path

from ontarget.device_farm.database import schema
from ontarget.device_farm.database.opening import connect
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import LeaseRequest, LeaseStore, Registration, Waiting
from support import chaos_client, chaos_device
from support.chaos_check import Findings, check
from support.chaos_client import Plan
from support.waiting import eventually

# The controller has no threads and no connection of its own while it forks.
_forking = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Chaos:
    """What is done, for `seconds`; the others are the mean seconds between two of a kind."""

    seconds: float
    clients: int = 64
    devices: int = 16
    ttl: float = 3.0
    use: float = 0.6
    kill: float = 2.0
    stop: float = 2.0
    restart: float = 30.0
    seed: int = 1


@dataclass
class Report:
    """`lost` names devices that could not be had afterwards; `stuck` says who waited for ever."""

    findings: Findings
    kills: int
    stops: int
    restarts: int
    lost: list[str]
    stuck: list[str]
    words: dict[str, list[float]]


def run(chaos: Chaos, folder: Path, address: str, *, restart: Callable[[], None] | None = None) -> Report:
    """Run against the store at `address`, which is there, with files in `folder`; `restart` restarts its database."""
    names = tuple(f"device-{number:02}" for number in range(chaos.devices))
    with _store(address) as store:
        store.register([Registration(name, "local", "local", "model") for name in names])
    plan = Plan(address, folder, names, chaos.ttl, chaos.use)
    with ExitStack() as undo:
        for name in names:
            device = _forking.Process(target=chaos_device.run, args=(folder, name), name=name)
            device.start()
            undo.callback(_end, device)
        _until_listening(folder, names)
        crowd = Crowd(chaos, plan, restart)
        undo.callback(crowd.kill_all)
        crowd.torment(time.sleep)
        crowd.end()
        with _store(address) as store:
            lost = _lost(store, names, chaos.ttl)
            histories = {name: store.history(name) for name in names}
    findings = check(histories, {name: chaos_device.read(folder, name) for name in names})
    words = dict(chaos_client.said(folder))
    stuck = [f"a client waited for {seconds:.0f} s" for seconds in words.get("stuck", ())] + crowd.deaf
    return Report(findings, crowd.kills, crowd.stops, crowd.restarts, lost, stuck, words)


class Crowd:
    """The clients, and what is done to them."""

    def __init__(self, chaos: Chaos, plan: Plan, restart: Callable[[], None] | None) -> None:
        self._chaos = chaos
        self._plan = plan
        self._restart = restart
        self._chance = random.Random(chaos.seed)
        self._born = 0
        self._clients = [self._bear() for _ in range(chaos.clients)]
        self._stopped: dict[int, float] = {}  # by process number, until when
        self.kills = self.stops = self.restarts = 0
        self.deaf: list[str] = []

    def torment(self, sleep: Callable[[float], None]) -> None:
        begin = time.monotonic()
        deeds: list[tuple[float, Callable[[], None]]] = [(self._chaos.kill, self._kill), (self._chaos.stop, self._stop)]
        if self._restart is not None:
            deeds.append((self._chaos.restart, self._restart_database))
        due = [begin + self._pause(mean) for mean, _ in deeds]
        while (now := time.monotonic()) < begin + self._chaos.seconds:
            self._continue(now)
            for index, (mean, deed) in enumerate(deeds):
                if now >= due[index]:
                    deed()
                    due[index] = time.monotonic() + self._pause(mean)
            sleep(0.05)
        self._continue(float("inf"))

    def end(self) -> None:
        """Ask all to end; one that does not, within a lease and a wait of it, is deaf."""
        for client in self._clients:
            client.terminate()
        deadline = time.monotonic() + chaos_client.WAIT + 30.0
        for client in self._clients:
            client.join(max(0.0, deadline - time.monotonic()))
            if client.exitcode is None:
                self.deaf.append(f"{client.name} did not end")
            elif client.exitcode:
                self.deaf.append(f"{client.name} ended with {client.exitcode}")

    def kill_all(self) -> None:
        for client in self._clients:
            client.kill()
            client.join()

    def _bear(self) -> ForkProcess:
        self._born += 1
        name = f"client-{self._born}"
        client = _forking.Process(
            target=chaos_client.run, args=(self._plan, name, self._chaos.seed * 100_003 + self._born), name=name
        )
        client.start()
        return client

    def _pause(self, mean: float) -> float:
        return self._chance.uniform(0.5, 1.5) * mean

    def _kill(self) -> None:
        index = self._chance.randrange(len(self._clients))
        victim = self._clients[index]
        victim.kill()
        victim.join()
        self._stopped.pop(victim.pid or 0, None)
        self._clients[index] = self._bear()
        self.kills += 1

    def _stop(self) -> None:
        victim = self._chance.choice(self._clients)
        if victim.pid is not None and victim.pid not in self._stopped:
            os.kill(victim.pid, signal.SIGSTOP)
            self._stopped[victim.pid] = time.monotonic() + self._chaos.ttl * self._chance.uniform(1.1, 2.0)
            self.stops += 1

    def _continue(self, now: float) -> None:
        for number, until in list(self._stopped.items()):
            if now >= until:
                os.kill(number, signal.SIGCONT)
                del self._stopped[number]

    def _restart_database(self) -> None:
        if self._restart is not None:
            self._restart()
            self.restarts += 1


def initialised(address: str) -> str:
    """Make a store in an empty database."""
    database = connect(address)
    try:
        schema.bring_up(database)
    finally:
        database.close()
    return address


@contextmanager
def _store(address: str) -> Iterator[LeaseStore]:
    store = open_store(address)
    try:
        yield store
    finally:
        store.close()


def _lost(store: LeaseStore, names: tuple[str, ...], ttl: float) -> list[str]:
    """The devices that nobody can have, though all clients have ended and their leases have run out."""
    end = time.monotonic() + 2 * ttl + 15.0
    lost = set(names)
    while lost and time.monotonic() < end:
        for name in sorted(lost):
            answer = store.acquire(LeaseRequest(((name,),), "checker", "checker", 60.0, priority=1000), queue=False)
            if not isinstance(answer, Waiting):
                store.release(answer[0].secret)
                lost.discard(name)
        time.sleep(0.1)
    return sorted(lost)


def _until_listening(folder: Path, names: tuple[str, ...]) -> None:
    eventually(lambda: all((folder / f"{name}.sock").exists() for name in names), "the devices", 30.0)


def _end(process: ForkProcess) -> None:
    process.terminate()
    process.join()
