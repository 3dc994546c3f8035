"""A small suite run by pytest itself on four units that are all this machine: dealt, and by xdist's own schedulers."""

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.table import Table

from benchmarks import ratios

UNITS = {"alpha": 3, "beta": 1}
TESTS = {"alpha": 36, "beta": 10}
SECONDS = {"alpha": 3.0, "beta": 3.0}
"""Of a test, on average."""

# Tests that wait as long as they are told: two of them do not disturb each other.
SUITE = """
import threading, time
import pytest

SECONDS = {seconds}

@pytest.mark.parametrize("n", range({most}))
def test_it(device, n):
    began = time.time()
    threading.Event().wait(SECONDS[device.info.model].get(n, 0.0))
    with open("log", "a") as log:
        log.write(f"{{device.info.name}} {{device.info.model}} {{n}} {{began}} {{time.time()}}\\n")
"""
# Whatever ontarget would do, with a group for each model.
XDIST_S_OWN = """
import pytest
from xdist.scheduler import LoadGroupScheduling, LoadScheduling

@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config, log):
    return {scheduler}(config, log)

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group(str(item.callspec.params["device"])))
"""
SCHEDULERS = {
    "dealt, all new": None,
    "dealt": None,
    "load": "LoadScheduling",
    "loadgroup": "LoadGroupScheduling",
}


def main(*, quick: bool, seed: int = 1) -> bool:
    """Print the makespans, of which none has to be reached: leases and agents cost what they cost on this machine."""
    chance = random.Random(seed)
    scale = 0.3 if quick else 1.0
    seconds = {
        model: {n: scale * SECONDS[model] * chance.uniform(0.1, 1.9) for n in range(count)}
        for model, count in TESTS.items()
    }
    bound = max(sum(ones.values()) / UNITS[model] for model, ones in seconds.items())
    workers = sum(UNITS.values())
    title = f"{sum(TESTS.values())} tests by pytest -n{workers}, bound {bound:.1f} s"
    table = Table("", "makespan", "/ bound", title=title, title_justify="left")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        folder = Path(name)
        (folder / "farm.toml").write_text(farm())
        (folder / "test_suite.py").write_text(SUITE.format(seconds=seconds, most=max(TESTS.values())))
        for contender, scheduler in SCHEDULERS.items():
            conftest = folder / "conftest.py"
            conftest.unlink(missing_ok=True)
            if scheduler is not None:
                conftest.write_text(XDIST_S_OWN.format(scheduler=scheduler))
            makespan = run(folder, Path(root), workers, grouped=scheduler == "LoadGroupScheduling")
            table.add_row(contender, f"{makespan:.1f} s", f"{makespan / bound:.3f}")
    ratios.console.print(table)
    return True


def farm() -> str:
    """A farm.toml whose units are all this machine."""
    units = [
        f'[[device]]\nname = "{model}-{number}"\nmodel = "{model}"\nconnect = "local"\n'
        for model, count in UNITS.items()
        for number in range(count)
    ]
    return "version = 1\n" + "".join(units)


def run(folder: Path, root: Path, workers: int, *, grouped: bool) -> float:
    """Seconds from the begin of the first test to the end of the last. Raises RuntimeError if not all passed."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"-n{workers}", "--farm=farm.toml"]
    if grouped:
        command.append("--dist=loadgroup")
    environment = {**os.environ, "ONTARGET_ROOT": str(root)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    if done.returncode or len(lines) != len(UNITS) * max(TESTS.values()):
        raise RuntimeError(f"expected all tests to pass, found:\n{done.stdout}{done.stderr}")
    return max(float(line[4]) for line in lines) - min(float(line[3]) for line in lines)
