"""The real library with a slow-down of known size put before it: which are found, and what that takes.

`python -m benchmarks.interposed [--quick] [--runs N] [--load N] [--on DEVICE] [--ppm N ...]`. Both builds are Debian's
XNNPACK behind the demo's interposer, which makes sigmoid f32 slower by parts per million; the baseline by none. On a
device whose clock counts instructions the exact rule judges.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, nullcontext
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.kernel import load
from demo.library import SONAME, fetch, plant_faults
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import entries_from_words
from ontarget.harness.builds import parse_build
from ontarget.harness.device import Clock, Device
from ontarget.harness.metrics.latency import Plan, compare
from ontarget.harness.outcomes import Answer
from ontarget.suites.bindings import xnnpack
from ontarget.suites.cases import make_case
from ontarget.suites.kernels import prepared
from ontarget.suites.layers import full

# It fits a cache: in a larger one the added wait lets memory catch up, and what was added is not what is there.
LAYER = "eltwise_sigmoid_28x28x128"
TIMED_PPM = (0, 5_000, 10_000, 20_000, 50_000)
COUNTED_PPM = (0, 500, 2_000, 20_000)
ANSWERS = (Answer.REGRESSED, Answer.PASS, Answer.IMPROVED, Answer.INCONCLUSIVE, Answer.INVALID)


def main(words: argparse.Namespace) -> None:
    console = Console(width=120)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        farm = stack.enter_context(Farm.open(entries_from_words([words.on])))
        lease = stack.enter_context(farm.lease({}, wait=60, purpose="benchmarks.interposed"))
        device = farm.connect(lease, progress=lambda line: print(line, file=sys.stderr))
        stack.callback(device.close)
        counted = device.info.clock is Clock.INSTRUCTIONS
        sizes = words.ppm or (COUNTED_PPM if counted else TIMED_PPM)
        original = fetch(device.info.abi, lambda line: print(line, file=sys.stderr))
        for loaded in (False,) if counted or not words.load else (False, True):
            with load(folder, words.load) if loaded else nullcontext():
                name = f"{words.on}, {'loaded' if loaded else 'otherwise idle'}"
                table = Table(title=f"sigmoid f32 of Debian's XNNPACK on {name}", title_justify="left")
                for column in ("really slower", "runs", *ANSWERS, "reads", "pairs", "seconds"):
                    table.add_column(column, justify="right")
                for ppm in sizes:
                    table.add_row(*row(device, original, folder, ppm, words.runs))
                console.print(table)


def row(device: Device, original: Path, folder: Path, ppm: int, runs: int) -> tuple[str, ...]:
    """One slow-down, `runs` times."""
    layer = next(layer for layer in full() if layer.id == LAYER)
    call = prepared(xnnpack, make_case(layer, "f32"))
    builds = [
        device.deploy(parse_build([f"{device.info.abi}={built(device, original, folder, label, size)}"], label, SONAME))
        for label, size in (("candidate", ppm), ("baseline", 0))
    ]
    answers: Counter[Answer] = Counter()
    effects, pairs, seconds = [], [], []
    for _ in range(runs):
        started = time.monotonic()
        found = compare(call, *builds, plan=Plan(), rng=np.random.default_rng())
        seconds.append(time.monotonic() - started)
        answers[found.verdict.answer] += 1
        pairs.append(found.verdict.pairs)
        if found.verdict.effect is not None:
            effects.append(found.verdict.effect)
    return (
        f"{ppm / 10_000:g} %",
        str(runs),
        *(str(answers[answer] or "") for answer in ANSWERS),
        f"{100 * np.median(effects):+.3f} %" if effects else "",
        f"{np.median(pairs):g}",
        f"{np.median(seconds):.1f}",
    )


def built(device: Device, original: Path, folder: Path, label: str, ppm: int) -> Path:
    """A folder with the library that is slower by `ppm`."""
    place = folder / f"{label}-{ppm}"
    if not place.exists():
        plant_faults(device.info.abi, original, place, slower_ppm=ppm)
    return place


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interposed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two runs of each, to see that it runs")
    parser.add_argument("--runs", type=int, help="comparisons of each slow-down (default: 20)")
    parser.add_argument("--load", type=int, default=os.cpu_count(), help="other programs where there is a load")
    parser.add_argument("--on", default="local", metavar="DEVICE", help="as for pytest (default: local)")
    parser.add_argument("--ppm", type=int, nargs="*", help="slow-downs in parts per million")
    found = parser.parse_args()
    found.runs = found.runs or (2 if found.quick else 20)
    main(found)
