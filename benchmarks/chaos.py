"""A chaos run of the lease stores: client processes on devices, killed, stopped past their leases and continued.

Their clocks are wrong, PostgreSQL is crashed and restarted under them, every touch of a device is logged by the
device's side, and a checker looks for two holders of one. Wanted in ten minutes: 10,000 leases and more, no double use,
no device lost, nobody stuck.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from benchmarks import ratios
from support import chaos, postgresql
from support.chaos import Chaos, Report

WANTED_A_SECOND = 10_000 / 600
KINDS = ("sqlite", "postgresql")


def main(*, quick: bool, setup: Chaos | None = None, kinds: tuple[str, ...] = KINDS) -> bool:
    """Return whether the wanted came about on all stores; `quick` is a minute on each."""
    setup = setup or Chaos(60.0 if quick else 600.0)
    reports = {}
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder, _STORES[kind](Path(folder)) as (address, restart):
            reports[kind] = chaos.run(setup, Path(folder), address, restart=restart)
    return show(setup, reports)


@contextmanager
def _sqlite(folder: Path) -> Iterator[tuple[str, None]]:
    yield f"sqlite:///{folder / 'farm.db'}", None  # there is no server to restart


@contextmanager
def _postgresql(_folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    with postgresql.started() as server, postgresql.database(server.url) as address:
        ends = itertools.cycle((server.kill, server.stop))

        def restart() -> None:
            next(ends)()
            server.start()

        yield chaos.initialised(address), restart


_STORES = {"sqlite": _sqlite, "postgresql": _postgresql}


def show(setup: Chaos, reports: dict[str, Report]) -> bool:
    """Print what happened; return whether it is what is wanted."""
    title = f"{setup.seconds:.0f} s, {setup.clients} clients on {setup.devices} devices, leases of {setup.ttl:g} s"
    table = Table("", *reports, title=title, title_justify="left")
    rows: dict[str, Callable[[Report], object]] = {
        "leases": lambda report: report.findings.leases,
        "touches of a device": lambda report: report.findings.touches,
        "clients killed": lambda report: report.kills,
        "clients stopped and continued": lambda report: report.stops,
        "database restarts": lambda report: report.restarts,
        "leases lost by their clients": lambda report: len(report.words.get("lost", ())),
        "touches refused by a device": lambda report: report.findings.refused,
        "device idle between two leases, median": lambda report: _seconds(statistics.median, report.findings.gaps),
        "the same, longest": lambda report: _seconds(max, report.findings.gaps),
        "longest wait in the queue": lambda report: _seconds(max, report.words.get("waited", [])),
        "double uses": lambda report: len(report.findings.double),
        "devices lost": lambda report: len(report.lost),
        "stuck": lambda report: len(report.stuck),
    }
    for name, value in rows.items():
        table.add_row(name, *(str(value(report)) for report in reports.values()))
    ratios.console.print(table)
    wanted = WANTED_A_SECOND * setup.seconds
    reached = True
    for kind, report in reports.items():
        wrong = [*report.findings.double, *(f"{name} is lost" for name in report.lost), *report.stuck]
        if report.findings.leases < wanted:
            wrong.append(f"{report.findings.leases} leases, to be at least {wanted:.0f}")
        for line in wrong[:20]:
            ratios.console.print(f"  {kind}: {line}")
        verdict = "[red]not reached[/red]" if wrong else "[green]reached[/green]"
        ratios.console.print(
            f"  {kind}: {report.findings.leases} leases, no double use, none lost, none stuck: {verdict}"
        )
        reached &= not wrong
    return reached


def _seconds(of: Callable[[list[float]], float], values: list[float]) -> str:
    return f"{of(values):.3f} s" if values else "-"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--devices", type=int, default=16)
    parser.add_argument("--store", choices=[*KINDS, "both"], default="both")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chosen = Chaos(given.seconds, given.clients, given.devices, seed=given.seed)
    sys.exit(not main(quick=False, setup=chosen, kinds=KINDS if given.store == "both" else (given.store,)))
