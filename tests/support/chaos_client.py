"""A client of a chaos run: leases a device, uses it, gives it back, over and over, with a clock that is wrong."""

import random
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ontarget.device_farm import waiting
from ontarget.device_farm.errors import LeaseLost, StoreFailed, WaitRanOut
from ontarget.device_farm.inventory import DeviceEntry
from ontarget.device_farm.lease import Lease, steady_clock
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import LeaseRequest, LeaseStore

WAIT = 60.0
"""Seconds after which a client in the queue calls itself stuck."""


@dataclass(frozen=True)
class Plan:
    """`ttl` of leases and the longest of the usual `uses` of a device, in seconds."""

    address: str
    folder: Path
    devices: tuple[str, ...]
    ttl: float
    use: float


class WrongClock:
    """Runs a tenth too fast or slow, and jumps by up to a day, now and then, either way."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._rate = chance.uniform(0.9, 1.1)
        self._jump = chance.uniform(-86400.0, 86400.0)

    def __call__(self) -> float:
        if self._chance.random() < 0.0005:
            self._jump = self._chance.uniform(-86400.0, 86400.0)
        return steady_clock() * self._rate + self._jump


class Fenced(Exception):
    """The device knows a newer token."""


def run(plan: Plan, name: str, seed: int) -> None:
    """Work until SIGTERM; what is told goes to `folder`/`name`.said, a line each: a word and seconds."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    chance = random.Random(seed)
    clock = WrongClock(chance)
    time.time = lambda: time.monotonic() + clock()  # what this machine's wall clock says must not matter
    with (plan.folder / f"{name}.said").open("a", buffering=1) as said:

        def tell(word: str, seconds: float = 0.0) -> None:
            said.write(f"{word} {seconds:.4f}\n")

        store: LeaseStore | None = None
        while not stopping:
            try:
                store = store or open_store(plan.address)
                _turn(plan, name, store, chance, clock, tell)
            except StoreFailed:
                tell("store-failed")
                time.sleep(chance.uniform(0.05, 0.2))


def _turn(
    plan: Plan,
    name: str,
    store: LeaseStore,
    chance: random.Random,
    clock: Callable[[], float],
    tell: Callable[..., None],
) -> None:
    """Lease one device, or two, and use them."""
    count = 2 if chance.random() < 0.05 else 1
    request = LeaseRequest((plan.devices,) * count, name, "chaos", plan.ttl, priority=chance.choice((0, 0, 0, 1)))
    began = time.monotonic()
    try:
        grants, asked = waiting.acquire(
            store, request, wait=WAIT, wanted="a device", progress=lambda _: None, clock=clock
        )
    except WaitRanOut:
        waited = time.monotonic() - began
        # where its clock jumped ahead it gave up early
        tell("stuck" if waited > 0.8 * WAIT else "gave-up", waited)
        return
    tell("waited", time.monotonic() - began)
    leases = [
        Lease(store, grant, DeviceEntry(name=grant.device, connect="local"), asked=asked, clock=clock)
        for grant in grants
    ]
    # one in ten never asks whether its lease still holds: the device has to refuse it
    careless = chance.random() < 0.1
    try:
        for lease in leases:
            try:
                _use(plan, lease, name, chance, careless=careless)
            except Fenced:
                if careless:  # it knocks again, with the token that it has
                    _use(plan, lease, name, chance, careless=True)
                raise
    except LeaseLost:
        tell("lost")
    except Fenced:
        tell("fenced")
    finally:
        for lease in leases:
            lease.release()


def _use(plan: Plan, lease: Lease, name: str, chance: random.Random, *, careless: bool) -> None:
    # some hold on for longer than a lease lasts unless it is renewed
    seconds = plan.ttl * 1.5 if chance.random() < 0.02 else chance.uniform(0.1, 1.0) * plan.use
    touches = 4
    with socket.socket(socket.AF_UNIX) as device:
        device.connect(str(plan.folder / f"{lease.device.name}.sock"))
        lines = device.makefile("r")
        for words in (f"enter {lease.token} {name}", *[f"touch {seconds / touches:.4f}"] * touches):
            if not careless:
                lease.check()
            try:
                device.sendall(f"{words}\n".encode())
                answer = lines.readline()
            except ConnectionError:
                answer = ""
            if answer not in ("ok\n", "done\n"):
                raise Fenced(answer)


def said(folder: Path) -> Mapping[str, list[float]]:
    """What all clients told, by word."""
    words: dict[str, list[float]] = {}
    for path in folder.glob("*.said"):
        for line in path.read_text().splitlines():
            word, _, seconds = line.partition(" ")
            words.setdefault(word, []).append(float(seconds))
    return words
