"""Leases side by side with a labgrid coordinator: acquire and release, the hand-over, and 64 clients at once."""

import multiprocessing
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks import ratios, stores
from benchmarks.contenders import Contender, make

DEVICES = tuple(f"device-{number:03}" for number in range(300))
CLIENTS = 64
KINDS = ("labgrid", "sqlite", "postgresql")
_forking = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Turn:
    """What all clients do for `seconds`: pairs on a device named at random, or on any that is free."""

    kind: str
    any_device: bool
    seconds: float


def main(*, quick: bool) -> bool:
    """Return whether both stores do 5 times labgrid's pairs a second, and hand over in a tenth of its time."""
    with ExitStack() as undo:
        addresses = {
            "labgrid": undo.enter_context(stores.labgrid(DEVICES)),
            "sqlite": undo.enter_context(stores.sqlite(DEVICES)),
            "postgresql": undo.enter_context(stores.postgres(DEVICES)),
        }
        rounds, seconds = (2, 2.0) if quick else (5, 4.0)
        turns = [Turn(kind, False, seconds) for kind in KINDS] + [Turn(kind, True, seconds) for kind in KINDS[1:]]
        rates = crowd(addresses, turns, rounds)
        pairs = _in_child(_pairs, addresses, 30 if quick else 200)
        handovers = _in_child(_handovers, addresses, 5 if quick else 25)
    reached = _show_rates(rates)
    goals = [ratios.Goal(faster=kind, slower="labgrid", times=1) for kind in KINDS[1:]]
    ratios.show("Acquire and release, one client, 300 devices", pairs, goals)
    goals = [ratios.Goal(faster=kind, slower="labgrid", times=10) for kind in KINDS[1:]]
    return ratios.show("Hand-over: from the holder's release to the next waiter's lease", handovers, goals) & reached


def crowd(addresses: Mapping[str, str], turns: Sequence[Turn], rounds: int) -> dict[str, list[float]]:
    """Pairs a second of all clients together, by turn; the first round does not count."""
    order = [turn for _ in range(rounds + 1) for turn in turns]
    barrier = _forking.Barrier(CLIENTS + 1)
    counts = _forking.Queue()
    clients = [
        _forking.Process(target=_client, args=(number, dict(addresses), order, barrier, counts), daemon=True)
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    rates: dict[str, list[float]] = {}
    for index, turn in enumerate(order):
        barrier.wait(300.0)
        done = sum(counts.get(timeout=turn.seconds + 60.0) for _ in clients)
        if index >= len(turns):
            name = f"{turn.kind}, any device" if turn.any_device else turn.kind
            rates.setdefault(name, []).append(done / turn.seconds)
    for client in clients:
        client.join()
    return rates


def _client(number: int, addresses: dict[str, str], turns: Sequence[Turn], barrier: Any, counts: Any) -> None:
    try:
        _take_turns(number, addresses, turns, barrier, counts)
    except BaseException:
        barrier.abort()  # nobody waits for one that failed
        raise


def _take_turns(number: int, addresses: dict[str, str], turns: Sequence[Turn], barrier: Any, counts: Any) -> None:
    chance = random.Random(number)
    contenders: dict[str, Contender] = {}
    for turn in turns:
        if turn.kind not in contenders:
            contenders[turn.kind] = make(turn.kind, addresses[turn.kind], f"client{number}")
        contender = contenders[turn.kind]
        barrier.wait()
        end = time.perf_counter() + turn.seconds
        done = 0
        while time.perf_counter() < end:
            if contender.take(*(DEVICES if turn.any_device else (chance.choice(DEVICES),))):
                contender.give_back()
                done += 1
        counts.put(done)


def _in_child(
    work: Callable[[Mapping[str, str], int], dict[str, list[float]]], addresses: Mapping[str, str], count: int
) -> dict[str, list[float]]:
    """Run in a process of its own, so that this one may fork again."""
    results = _forking.SimpleQueue()
    child = _forking.Process(target=lambda: results.put(work(addresses, count)))
    child.start()
    found: dict[str, list[float]] = results.get()
    child.join()
    return found


def _pairs(addresses: Mapping[str, str], count: int) -> dict[str, list[float]]:
    contenders = {kind: make(kind, address, "single") for kind, address in addresses.items()}
    chance = random.Random(1)

    def pair(contender: Contender) -> Callable[[], None]:
        def call() -> None:
            if not contender.take(chance.choice(DEVICES)):
                raise RuntimeError("a device that nobody has was not free")
            contender.give_back()

        return call

    return ratios.alternate({kind: pair(contender) for kind, contender in contenders.items()}, count)


def _handovers(addresses: Mapping[str, str], count: int) -> dict[str, list[float]]:
    chance = random.Random(2)
    found: dict[str, list[float]] = {kind: [] for kind in addresses}
    waiters = {}
    for kind, address in addresses.items():  # before there is any gRPC in this process
        waiters[kind], theirs = _forking.Pipe()
        _forking.Process(target=_wait, args=(kind, address, theirs), daemon=True).start()
        theirs.close()
    holders = {kind: make(kind, address, "holder") for kind, address in addresses.items()}
    for number in range(count):
        for kind, holder in holders.items():
            device = DEVICES[number % len(DEVICES)]
            if not holder.take(device):
                raise RuntimeError(f"{kind}: {device} is not free")
            waiters[kind].send(device)
            waiters[kind].recv()
            time.sleep(chance.uniform(0.2, 1.2))  # whoever polls shall not be met always at the same moment
            released = time.monotonic()
            holder.give_back()
            found[kind].append(waiters[kind].recv() - released)
    return found


def _wait(kind: str, address: str, told: Any) -> None:
    """Wait for each device that comes through the pipe; say that it is queued, and at which moment it was ours."""
    contender = make(kind, address, "waiter")
    while True:
        untold = ["queued"]
        moment = contender.wait_for(told.recv(), lambda: told.send(untold.pop()) if untold else None)  # noqa: B023
        contender.give_back()
        told.send(moment)


def _show_rates(rates: Mapping[str, list[float]]) -> bool:
    table = Table("", "pairs a second", "min", "max", "n", title=f"{CLIENTS} clients on {len(DEVICES)} devices")
    medians = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
    for name, values in rates.items():
        table.add_row(name, *(f"{value:.0f}" for value in (medians[name], min(values), max(values))), str(len(values)))
    ratios.console.print(table)
    reached = True
    for kind in KINDS[1:]:
        ratio = medians[kind] / medians["labgrid"]
        reached &= ratio >= 5
        verdict = "[green]reached[/green]" if ratio >= 5 else "[red]not reached[/red]"
        ratios.console.print(f"  {kind} / labgrid = {ratio:.1f}, to be at least 5: {verdict}")
    return reached
