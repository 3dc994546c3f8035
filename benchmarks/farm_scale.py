"""A simulated farm on PostgreSQL with 1,000 clients in its queue: how long a hand-over takes as the farm grows.

All devices are held, and given back one after the other; a hand-over is the time from the holder's release to the
moment when the next in the queue has its lease. Holders and clients are threads of a few processes.
"""

import argparse
import multiprocessing
import random
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from benchmarks import ratios, stores
from ontarget.device_farm import waiting
from ontarget.device_farm.errors import StoreFailed, WaitRanOut
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import LeaseRequest, LeaseStore, Waiting

SIZES = (100, 1_000, 10_000)
MODELS = 20
CLIENTS = 1_000
PROCESSES = 8
RELEASES_A_SECOND = 50.0
_forking = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Plan:
    """`devices` by model; each client wants one of a model."""

    address: str
    models: tuple[tuple[str, ...], ...]
    seconds: float
    clients: int


@dataclass
class Seen:
    """Moments (seconds by the machine's steady clock) of one process's releases and grants, with their devices."""

    released: list[tuple[float, str]] = field(default_factory=list)
    granted: list[tuple[float, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def main(*, quick: bool, sizes: Sequence[int] = SIZES, clients: int = CLIENTS) -> bool:
    """Report the times, of which none has to be reached; False if a client failed."""
    table = Table(
        "devices", "waiting", "p50", "p99", "most", "n", title="Hand-over on PostgreSQL", title_justify="left"
    )
    failed: list[str] = []
    for size in sizes:
        models = tuple(
            tuple(f"model-{model:02}-{number:04}" for number in range(size // MODELS)) for model in range(MODELS)
        )
        with stores.postgres([name for names in models for name in names]) as address:
            seconds, wrong = measure(Plan(address, models, 5.0 if quick else 30.0, clients))
        failed += wrong
        cuts = statistics.quantiles(seconds, n=100)
        shown = (ratios.milliseconds(value) for value in (statistics.median(seconds), cuts[98], max(seconds)))
        table.add_row(f"{size:,}", f"{clients:,}", *shown, str(len(seconds)))
    ratios.console.print(table)
    for line in failed[:10]:
        ratios.console.print(f"  failed: {line}")
    return not failed


def measure(plan: Plan) -> tuple[list[float], list[str]]:
    """Seconds of each hand-over, and what went wrong."""
    barrier = _forking.Barrier(PROCESSES + 1)
    results = _forking.Queue()
    workers = [
        _forking.Process(target=_work, args=(plan, number, barrier, results), daemon=True)
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    barrier.wait(600.0)  # all devices are held
    barrier.wait(600.0)  # all clients are in the queue
    seen = [results.get(timeout=plan.seconds + 300.0) for _ in workers]
    for worker in workers:
        worker.join(30.0)
        worker.kill()
    return handovers(seen), [line for each in seen for line in each.failed]


def handovers(seen: Sequence[Seen]) -> list[float]:
    """For each grant the seconds since its device was last released."""
    moments: dict[str, list[tuple[float, bool]]] = {}
    for each in seen:
        for at, device in each.released:
            moments.setdefault(device, []).append((at, False))
        for at, device in each.granted:
            moments.setdefault(device, []).append((at, True))
    found = []
    for events in moments.values():
        released: float | None = None
        for at, is_grant in sorted(events):
            if is_grant and released is not None:
                found.append(at - released)
            released = None if is_grant else at
    return found


def _work(plan: Plan, number: int, barrier: Any, results: Any) -> None:
    store = open_store(plan.address)
    seen = Seen()
    held: list[tuple[str, str]] = []
    for names in plan.models:
        for name in names[number::PROCESSES]:
            answer = store.acquire(LeaseRequest(((name,),), f"holder{number}", "benchmark", 3600.0), queue=False)
            if isinstance(answer, Waiting):
                raise RuntimeError(f"{name} of a new store is not free")
            held.append((name, answer[0].secret))
    barrier.wait(600.0)
    ended = threading.Event()
    ready = threading.Semaphore(0)
    clients = [
        threading.Thread(target=_client, args=(plan, store, index, held, seen, ready, ended), daemon=True)
        for index in range(number, plan.clients, PROCESSES)
    ]
    for client in clients:
        client.start()
    for _ in clients:
        ready.acquire()
    barrier.wait(600.0)
    _release(plan, number, store, held, seen)
    time.sleep(2.0)  # what was given back last is handed over
    ended.set()
    results.put(seen)
    results.close()
    results.join_thread()


def _client(
    plan: Plan,
    store: LeaseStore,
    index: int,
    held: list[tuple[str, str]],
    seen: Seen,
    ready: threading.Semaphore,
    ended: threading.Event,
) -> None:
    """Wait for a device of a model, hold it until it is given back by `_release`, and wait again."""
    names = plan.models[index % len(plan.models)]
    queued = False

    def progress(_line: str) -> None:
        nonlocal queued
        if not queued:
            queued = True
            ready.release()

    while not ended.is_set():
        request = LeaseRequest((names,), f"client{index}", "benchmark", 3600.0)
        try:
            grants, _ = waiting.acquire(store, request, wait=3600.0, wanted="a device", progress=progress)
        except (StoreFailed, WaitRanOut) as error:
            seen.failed.append(str(error))
            progress("")
            return
        seen.granted.append((time.monotonic(), grants[0].device))
        held.append((grants[0].device, grants[0].secret))


def _release(plan: Plan, number: int, store: LeaseStore, held: list[tuple[str, str]], seen: Seen) -> None:
    chance = random.Random(number)
    end = time.monotonic() + plan.seconds
    while time.monotonic() < end:
        time.sleep(chance.expovariate(RELEASES_A_SECOND / PROCESSES))
        if held:
            device, secret = held.pop(chance.randrange(len(held)))
            seen.released.append((time.monotonic(), device))
            store.release(secret)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.farm_scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="for some seconds only")
    parser.add_argument("--devices", type=int, action="append", help=f"instead of {SIZES}; repeats")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    given = parser.parse_args()
    sys.exit(not main(quick=given.quick, sizes=given.devices or SIZES, clients=given.clients))
