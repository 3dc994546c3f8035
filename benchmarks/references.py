"""How much of an accuracy check's time its reference takes, computed and kept.

`python -m benchmarks.references [--quick] [--every N] [--on DEVICE]` runs the checks of the full suite's layers, every
N-th of them (of the core suite with `--quick`), twice: with an empty folder of kept references, and with it filled.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.library import SONAME, fetch
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import entries_from_words
from ontarget.harness.agent.buffers import STRICT
from ontarget.harness.builds import parse_build
from ontarget.harness.device import DeployedBuild
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.accuracy import check
from ontarget.suites.bindings import xnnpack
from ontarget.suites.cases import make_case
from ontarget.suites.kernels import prepared
from ontarget.suites.layers import Layer, core, full
from ontarget.suites.reference_cache import ReferenceCache

PARTS = ("inputs", "reference", "check")
# More would make a reference the slow part of a run that repeats.
MOST_SHARE = 0.25


def main(*, quick: bool = False, every: int = 29, on: str = "local") -> bool:
    """Print the shares; return whether kept references take no more than they may."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        farm = stack.enter_context(Farm.open(entries_from_words([on])))
        lease = stack.enter_context(farm.lease({}, wait=60, purpose="benchmarks.references"))
        device = farm.connect(lease, progress=lambda line: print(line, file=sys.stderr))
        stack.callback(device.close)
        original = fetch(device.info.abi, lambda line: print(line, file=sys.stderr))
        build = device.deploy(parse_build([f"{device.info.abi}={original}"], "candidate", SONAME))
        chosen = list(_core() if quick else _sample(every))
        table = Table(title=f"{len(chosen)} accuracy checks on {on}, seconds", title_justify="left")
        for column in ("references", *PARTS, "share of the reference", "kept"):
            table.add_column(column, justify="right")
        share = 0.0
        for name in ("computed", "kept"):
            took = _run(chosen, build, ReferenceCache(folder))
            share = took["reference"] / took.total()
            held = sum(path.stat().st_size for path in folder.rglob("*.npz")) / 1e6
            table.add_row(name, *(f"{took[part]:.1f}" for part in PARTS), f"{share:.0%}", f"{held:.0f} MB")
        Console(width=120).print(table)
    return share <= MOST_SHARE


def _run(chosen: list[tuple[Layer, str]], build: DeployedBuild, kept: ReferenceCache) -> Counter[str]:
    """Seconds by part."""
    took: Counter[str] = Counter()
    for layer, dtype in chosen:
        with _timed(took, "inputs"):
            case = make_case(layer, dtype)
        with _timed(took, "reference"):
            expected = kept.reference(case)
        with _timed(took, "check"):
            try:
                check(
                    prepared(xnnpack, case),
                    build,
                    expected=expected.values,
                    tolerance=expected.tolerance,
                    deadline=60.0,
                    placing=STRICT,
                )
            except NotOffered:
                continue
    return took


@contextmanager
def _timed(took: Counter[str], part: str, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    started = clock()
    yield
    took[part] += clock() - started  # type: ignore[assignment]  # a counter of seconds


def _core() -> Iterator[tuple[Layer, str]]:
    for layer in core():
        for dtype in layer.quick_dtypes:
            if xnnpack.offers(layer.op, dtype) is None:
                yield layer, dtype


def _sample(every: int) -> Iterator[tuple[Layer, str]]:
    pairs = [(layer, dtype) for layer in full() for dtype in layer.dtypes if xnnpack.offers(layer.op, dtype) is None]
    yield from pairs[::every]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.references", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the core suite's layers")
    parser.add_argument("--every", type=int, default=29, help="of the full suite's layers and dtypes (default: 29th)")
    parser.add_argument("--on", default="local", metavar="DEVICE", help="as for pytest (default: local)")
    words = parser.parse_args()
    sys.exit(0 if main(quick=words.quick, every=words.every, on=words.on) else 1)
