"""Faults on boards: how long until a device is usable again, and the core suite while it rains faults.

    python -m benchmarks.faults                   the table of docs/faults.md: each fault once, on one emulated board
    python -m benchmarks.faults --seconds 3600    the core suite on two boards, a fault every minute at random
    python -m benchmarks.faults --quick           three minutes of that
    python -m benchmarks.faults --seconds 3600 --phone    on a phone, too: the virtual one, behind Debian's adb

Wanted of the second: every result right or marked infra, nothing hung, nothing lost.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks import fault_soak, ratios
from ontarget.device_farm import boards
from ontarget.device_farm.boards import Board
from ontarget.device_farm.errors import NotBroughtBack
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.ladder import climbing
from ontarget.harness.device import Device
from ontarget.harness.errors import InfraError
from support import faults
from support.boards import state_home, stop_all

MODEL = "virtual-cortex-a53"
_FILE = Path(__file__)


@dataclass(frozen=True)
class Row:
    """What a fault came to. Times are seconds from the injection; `back` None where the device was given up."""

    fault: faults.Fault
    told: str
    noticed: float
    back: float | None
    by: str


def main(*, quick: bool) -> bool:
    """Print the table, or with `quick` a soak of three minutes; return whether all came about as wanted."""
    return soak(180.0, every=30.0) if quick else table()


def table(only: str = "") -> bool:
    """Inject each fault once; print what happened. True if each device that can come back did, and no other."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, state_home(Path(folder, "state")):
        try:
            for fault in faults.ALL:
                if only in fault.name:
                    rows.append(measured(fault, Path(folder)))
                    ratios.console.print(f"  {fault.name}: told {rows[-1].told[:200]}", markup=False, highlight=False)
        finally:
            stop_all(Path(folder, "state"))
    show(rows)
    return all((row.back is not None) == row.fault.heals for row in rows)


def measured(fault: faults.Fault, folder: Path) -> Row:
    """Inject the fault into a board that is in use, and bring it back with the limits that all devices have."""
    said: list[str] = []
    with ExitStack() as stack:
        board, farm_file = stack.enter_context(used(folder))
        farm = stack.enter_context(Farm.open(load(farm_file)))
        lease = stack.enter_context(farm.lease({"name": "unit"}))
        device = climbing.connect(farm, lease)
        stack.callback(device.close)
        fault.inject(board)
        began = time.monotonic()
        error = failure_of(device)
        noticed = time.monotonic() - began
        try:
            back = climbing.recover(farm, lease, device, error, said.append)
        except NotBroughtBack as given_up:
            return Row(fault, str(given_up), noticed, None, given_up.state)
        stack.callback(back.close)
        use(back)
        by = next(line for line in reversed(said) if "back after" in line).partition("back after ")[2]
        return Row(fault, str(error), noticed, time.monotonic() - began, by.partition(",")[0])


@contextmanager
def used(folder: Path) -> Iterator[tuple[Board, Path]]:
    """A fresh board and a farm file that knows it as a board behind SSH, with a console and a power switch."""
    boards.down("faulty")
    board = boards.up(MODEL, "faulty", free_running=True)
    path = folder / "farm.toml"
    path.write_text(faults.farm_of(board))
    with faults.restored(board):
        yield board, path
    boards.down("faulty")


def failure_of(device: Device) -> InfraError:
    """Use the device as a test does until that fails; what is told then."""
    device.session.slowness = 1.0
    while True:
        try:
            use(device)
        except InfraError as error:
            return error


def use(device: Device) -> None:
    """Read what the device is doing, and store a file anew."""
    device.conditions()
    device.session.sweep(max_age=0.0, max_bytes=0, keep=())
    device.session.store_file(_FILE, hashlib.sha256(_FILE.read_bytes()).hexdigest(), _FILE.name)


def show(rows: list[Row]) -> None:
    shown = Table(
        "fault", "injected", "noticed after", "usable again after", "by", title="Faults", title_justify="left"
    )
    for row in rows:
        back = "-" if row.back is None else f"{row.back:.0f} s"
        shown.add_row(row.fault.name, row.fault.what, f"{row.noticed:.1f} s", back, row.by)
    ratios.console.print(shown)


def soak(seconds: float, *, every: float = 60.0, phone: bool = False, seed: int = 1, out: Path | None = None) -> bool:
    """Run the core suite again and again while faults are injected; print the count; True if all is as wanted."""
    started = time.monotonic()
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        said: Callable[[str], None] = lambda text: ratios.console.print(  # noqa: E731 - a function of one line
            f"  {time.monotonic() - started:6.0f} s: {text}", markup=False, highlight=False
        )
        report = fault_soak.run(folder, seconds, every=every, phone=phone, seed=seed, say=said)
    return fault_soak.show(report)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, help="how long the core suite runs with faults; without it: the table")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two faults (60)")
    parser.add_argument("--quick", action="store_true", help="as --seconds 180 --every 30")
    parser.add_argument("--phone", action="store_true", help="the virtual phone, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="of the table, the faults with this in their name")
    parser.add_argument("--out", type=Path, help="keep results and logs there")
    given = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if given.quick or given.seconds is not None:
        seconds, every = (180.0, 30.0) if given.quick else (given.seconds, given.every)
        return 0 if soak(seconds, every=every, phone=given.phone, seed=given.seed, out=given.out) else 1
    return 0 if table(given.only) else 1


if __name__ == "__main__":
    sys.exit(_main())
