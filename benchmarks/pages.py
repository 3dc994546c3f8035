"""How fast the farm's page is on a large store: at the server, and until a browser has painted it.

    python -m benchmarks.pages ADDRESS [--times N] [--pictures FOLDER]

ADDRESS is a store as `benchmarks.big_store` makes it. At the server each page is asked for over HTTP, on one
connection: the first answer (nothing is kept yet), what of it the server's process computed, and the median of the
others. In the browser: from the start of navigation to the largest paint, and until the first chart is drawn, on a
phone's screen and a desktop's. Status 1 if a page takes 300 ms at the server, or 2 s to paint.
"""

import argparse
import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlencode, urlsplit

import psutil
from rich.console import Console
from rich.table import Table

from ontarget.device_farm.database import open_database
from ontarget.device_farm.memory.overview import Overview
from ontarget.device_farm.reports.view import modelless
from support.browser import DESKTOP, PHONE, Browser, opened

AT_SERVER, TO_PAINT = 0.3, 2.0
_PAINTED: Final = """
    new Promise(resolve => new PerformanceObserver(list => resolve(list.getEntries().at(-1).startTime))
        .observe({type: 'largest-contentful-paint', buffered: true}))
"""
console = Console(width=130)


def main(address: str, *, times: int = 5, pictures: Path | None = None) -> bool:
    paths = pages_of(address)
    with serving(address) as (base, server):
        asked = {name: ask(base, path, times, server) for name, path in paths.items()}
        with opened() as browser:
            shown = {name for name, path in paths.items() if ".json" not in path and path != "/metrics"}
            painted = {name: paint(browser, base, paths[name], name, pictures) for name in paths if name in shown}
    table = Table(
        "page", "first answer", "computed", "median", "bytes", "painted, phone", "painted, desktop", "charts drawn"
    )
    for name in paths:
        first, computed, usual, size = asked[name]
        row = [f"{1e3 * value:.0f} ms" for value in painted.get(name, ())]
        figures = (f"{1e3 * value:.0f} ms" for value in (first, computed, usual))
        table.add_row(name, *figures, f"{size:,}", *row)
    console.print(table)
    slow = [name for name, (first, _, usual, _) in asked.items() if max(first, usual) > AT_SERVER]
    slow += [name for name, seconds in painted.items() if max(seconds) > TO_PAINT]
    if slow:
        console.print(f"beyond {1e3 * AT_SERVER:.0f} ms at the server, or {TO_PAINT:g} s to paint: {', '.join(slow)}")
    return not slow


def pages_of(address: str) -> Mapping[str, str]:
    """Each page, with things on it: the newest run, a test in the middle of the list and the device that ran it."""
    database = open_database(address)
    try:
        overview = Overview(database)
        run = overview.runs(newest=1)[0].id
        known = overview.tests()
    finally:
        database.close()
    series = known[len(known) // 2]
    named = {"test": series.test, "device": series.device, "check": series.metric}
    return {
        "farm": "/",
        "runs": "/runs",
        "a run": f"/runs/{run}",
        "a run, one operator": f"/runs/{run}?operator=conv2d",
        "a check": f"/runs/{run}/checks/17",
        "tests": "/tests",
        "tests, searched": "/tests?words=conv+f32",
        "a test's history": f"/test?{urlencode({'name': modelless(series.test, series.model)})}",
        "... its data, one device": f"/series.json?{urlencode(named)}",
        "a device": f"/devices/{series.device}",
        "metrics": "/metrics",
    }


@contextmanager
def serving(address: str) -> Iterator[tuple[str, psutil.Process]]:
    """`ontarget serve` on a free port: its address and its process."""
    database = open_database(address)
    known = sorted({(row.device, row.model) for row in Overview(database).tests()})
    database.close()
    with tempfile.TemporaryDirectory() as folder:
        lines = [f'version = 1\nstore = "{address}"']
        lines += [
            f'[[device]]\nname = "{name}"\nmodel = "{model}"\nconnect = "ssh:pi@10.0.0.9"' for name, model in known
        ]
        Path(folder, "farm.toml").write_text("\n".join(lines))
        command = [sys.executable, "-m", "ontarget.device_farm.cli", "serve", "--port", "0"]
        environment = {**os.environ, "ONTARGET_FARM": str(Path(folder, "farm.toml"))}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
            try:
                if process.stderr is None:
                    raise RuntimeError("the server's words are not heard")
                line = process.stderr.readline()
                found = re.search(r"http://\S+", line)
                if found is None:
                    raise RuntimeError(f"the server does not start: {line}{process.stderr.read()}")
                yield found[0].rstrip("/"), psutil.Process(process.pid)
            finally:
                process.send_signal(signal.SIGTERM)


def ask(base: str, path: str, times: int, server: psutil.Process) -> tuple[float, float, float, int]:
    """Seconds to the whole of the first answer, computed for it, and the median of the others; bytes as it travels."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    seconds, computed, size = [], [], 0
    for _ in range(1 + times):
        before, started = sum(server.cpu_times()[:2]), time.perf_counter()
        connection.request("GET", path, headers={"accept-encoding": "gzip"})
        answer = connection.getresponse()
        size = len(answer.read())
        seconds.append(time.perf_counter() - started)
        computed.append(sum(server.cpu_times()[:2]) - before)
        if answer.status != 200:
            raise RuntimeError(f"{path}: expected status 200, found {answer.status}")
    connection.close()
    return seconds[0], computed[0], median(seconds[1:]), size


def paint(browser: Browser, base: str, path: str, name: str, pictures: Path | None) -> tuple[float, ...]:
    """Seconds to the largest paint on a phone and a desktop, and on the latter to the first chart, if there is any."""
    found = []
    for size, screen in ((PHONE, "phone"), (DESKTOP, "desktop")):
        browser.look(size)
        browser.open(base + path)
        found.append(float(browser.asked(_PAINTED)) / 1e3)
        if pictures is not None:
            browser.draw_charts()
            pictures.mkdir(parents=True, exist_ok=True)
            browser.screenshot(pictures / f"{re.sub(r'[^a-z]+', '-', name)}-{screen}.png", whole=False)
    if browser.until("document.querySelectorAll('[data-chart]').length + 1", "the page") > 1:
        browser.open(base + path)
        drawn = "document.querySelector('[data-drawn]') && performance.now()"
        found.append(float(browser.until(drawn, "a chart")) / 1e3)
    return tuple(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--pictures", type=Path, help="keep what the browser shows in this folder")
    given = parser.parse_args()
    sys.exit(not main(given.address, times=given.times, pictures=given.pictures))
