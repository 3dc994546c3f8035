"""Half a minute of `python -m benchmarks.chaos` on each store: clients killed, stopped and continued, clocks wrong."""

import itertools
from pathlib import Path

from support import chaos, postgresql
from support.chaos import Chaos, Report

SHORT = Chaos(seconds=10.0, clients=12, devices=4, ttl=1.5, use=0.3, kill=1.0, stop=1.0, restart=4.0)


def wanted(report: Report) -> None:
    assert report.findings.double == []
    assert report.lost == []
    assert report.stuck == []
    assert report.kills
    assert report.stops
    # a run in which nothing was leased or touched finds nothing
    assert report.findings.leases > SHORT.clients
    assert report.findings.touches > SHORT.clients


def test_on_sqlite(tmp_path: Path) -> None:
    wanted(chaos.run(SHORT, tmp_path, f"sqlite:///{tmp_path / 'farm.db'}"))


def test_on_postgresql_that_crashes_and_restarts(tmp_path: Path) -> None:
    with postgresql.started() as server, postgresql.database(server.url) as address:
        chaos.initialised(address)
        ends = itertools.cycle((server.kill, server.stop))

        def restart() -> None:
            next(ends)()
            server.start()

        report = chaos.run(SHORT, tmp_path, address, restart=restart)
    wanted(report)
    assert report.restarts
