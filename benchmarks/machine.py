"""Two libraries in two processes on this very machine: false alarms, slow-downs that are found, device-seconds.

`python -m benchmarks.machine [--quick] [--seed N] [--alike N] [--runs N] [--load N] [--only TEXT] [--unaligned]`.
Every build is linked anew, in a layout of its own: builds that do the same differ in layout only, those that are slower
really do more. Whatever else runs on the machine is part of the figures.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.kernel import Kernel, Linker, load
from ontarget.harness.agent.session import Fence
from ontarget.harness.device import Device
from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.evidence import CALIBRATION_PAIRS
from ontarget.harness.metrics.latency import Plan, compare
from ontarget.harness.metrics.pairs import Contest, Side, scout_side
from ontarget.harness.outcomes import Answer
from ontarget.harness.transports.local import LocalTransport

DURATIONS = {"10 µs": 1e4, "1 ms": 1e6, "10 ms": 1e7}  # nanoseconds
THREADS = (1, 4)
SHORTEST_SHARED = 1e5
SLOWER = (1005, 1010, 1020, 1050)  # permille
FOUND = 1020
FOUND_SHARE = 0.95

ANSWERS = (Answer.REGRESSED, Answer.PASS, Answer.IMPROVED, Answer.INCONCLUSIVE, Answer.INVALID)

console = Console(width=150)


@dataclass(frozen=True)
class Setting:
    duration: str
    threads: int
    loaded: bool

    def __str__(self) -> str:
        return (
            f"{self.duration}, {self.threads} thread{'s' * (self.threads > 1)}, {'loaded' if self.loaded else 'idle'}"
        )


@dataclass(frozen=True)
class Outcome:
    """One comparison: what it said with the 0.5 % gate and would have said without, and what that took."""

    setting: str
    permille: int
    answer: str
    ungated: str
    findings: tuple[str, ...]
    effect: float | None
    pairs: int
    seconds: float


def main(
    *,
    quick: bool,
    seed: int = 1,
    alike: int | None = None,
    runs: int | None = None,
    loads: int | None = None,
    aligned: bool = True,
    only: str = "",
) -> bool:
    """Return whether there was no false alarm, and 2 % was found in 95 % of the runs."""
    alike = alike if alike is not None else 24 if quick else 400
    runs = runs if runs is not None else 1 if quick else 20
    loads = loads if loads is not None else os.cpu_count() or 1
    outcomes: list[Outcome] = []
    for _, group in groupby(measured(seed, alike, runs, loads, aligned, only), setting_of):
        fresh = list(group)
        show(fresh)  # at once: the whole may take an hour
        outcomes += fresh
    return judged(outcomes)


def setting_of(outcome: Outcome) -> str:
    return outcome.setting


def measured(seed: int, alike: int, runs: int, loads: int, aligned: bool, only: str) -> Iterator[Outcome]:
    """All comparisons, setting by setting: `alike` in all of equal builds, `runs` of each slow-down in each setting."""
    settings = [
        Setting(name, threads, loaded)
        for loaded in (False, True)
        for name, nanoseconds in DURATIONS.items()
        for threads in THREADS
        # Waking threads takes longer than so short a call: a slow-down of its work would be none of the call.
        if threads == 1 or nanoseconds > SHORTEST_SHARED
    ]
    settings = [setting for setting in settings if only in str(setting)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        linker = Linker(folder, random.Random(seed), aligned=aligned)
        with local_device(folder / "device") as device:
            for number, setting in enumerate(settings):
                share = alike * (number + 1) // len(settings) - alike * number // len(settings)
                with load(folder, loads) if setting.loaded else nullcontext():
                    rows = rows_for(device, linker, setting)
                    for permille in [1000] * share + [permille for permille in SLOWER for _ in range(runs)]:
                        yield one(device, linker, setting, rows, permille)


@contextmanager
def local_device(root: Path) -> Iterator[Device]:
    """This machine, with a store of this run's own."""
    root.mkdir()
    root.chmod(0o755)
    transport = LocalTransport("local")
    fence = Fence(str(root), 1)
    with Device.open(transport, name="local", kind="local", fence=fence, root=str(root)) as device:
        yield device


def rows_for(device: Device, linker: Linker, setting: Setting) -> int:
    """How many rows take the setting's time on one thread; several share them, each doing as much."""
    plan = Plan()
    build = device.deploy(linker.build("candidate"))
    rows = 1000
    contest = Contest(build, build, Kernel(1, rows), cores=plan.cores_on(device))
    nanoseconds = scout_side(contest, Side.CANDIDATE)
    return max(1, round(rows * DURATIONS[setting.duration] / nanoseconds)) * setting.threads


def one(device: Device, linker: Linker, setting: Setting, rows: int, permille: int) -> Outcome:
    """One comparison of two freshly linked builds."""
    candidate = device.deploy(linker.build("candidate", permille))
    baseline = device.deploy(linker.build("baseline"))
    plan = Plan(threads=setting.threads)
    clock = Stopwatch()
    kernel = Kernel(setting.threads, rows)
    found = compare(kernel, candidate, baseline, plan=plan, rng=np.random.default_rng())
    return Outcome(
        setting=str(setting),
        permille=permille,
        answer=str(found.verdict.answer),
        ungated=str(without_gate(found, plan)),
        findings=tuple(finding.check for finding in found.told_findings),
        effect=found.verdict.effect,
        pairs=len(found.pairs),
        seconds=clock.seconds(),
    )


def without_gate(found: Comparison, plan: Plan) -> Answer:
    """What the same pairs say where nothing is too small to matter: it can only say it earlier."""
    main, _ = replace(plan, smallest_effect=0.0).questions()
    d = found.differences()
    if found.verdict.answer is Answer.INVALID:
        return Answer.INVALID
    for count in range(CALIBRATION_PAIRS, d.size + 1):
        answer = main.first.look(d[:count])
        if answer is Answer.REGRESSED:
            fresh = (main.second.look(d[count:later]) for later in range(count + 1, d.size + 1))
            confirmed = next((said for said in fresh if said is not None), None)
            return Answer.REGRESSED if confirmed is Answer.REGRESSED else Answer.INCONCLUSIVE
        if answer is not None:
            return answer
    return Answer.INCONCLUSIVE


def show(outcomes: Sequence[Outcome]) -> None:
    """A row for each slow-down in one setting: the answers with the gate and without, and what they took."""
    table = Table(title=f"{outcomes[0].setting}: answers with the 0.5 % gate / without", title_justify="left")
    for column in ("really slower", "runs", *ANSWERS, "spread or tail", "reads", "pairs", "seconds"):
        table.add_column(column, justify="right")
    for permille in dict.fromkeys(outcome.permille for outcome in outcomes):
        group = [outcome for outcome in outcomes if outcome.permille == permille]
        gated = Counter(outcome.answer for outcome in group)
        ungated = Counter(outcome.ungated for outcome in group)
        effects = [outcome.effect for outcome in group if outcome.effect is not None]
        table.add_row(
            f"{(permille - 1000) / 10:g} %",
            str(len(group)),
            *(f"{gated[answer]} / {ungated[answer]}" if gated[answer] or ungated[answer] else "" for answer in ANSWERS),
            str(sum(bool(outcome.findings) for outcome in group) or ""),
            f"{100 * np.median(effects):+.2f} %" if effects else "",
            f"{np.median([outcome.pairs for outcome in group]):g}",
            f"{np.median([outcome.seconds for outcome in group]):.1f}",
        )
    console.print(table)


def judged(outcomes: Sequence[Outcome]) -> bool:
    """Print what is to be reached; return whether it was."""
    alike = [outcome for outcome in outcomes if outcome.permille == 1000]
    slower = [outcome for outcome in outcomes if outcome.permille == FOUND]
    console.print(f"gains that are none: {sum(outcome.answer == Answer.IMPROVED for outcome in alike)} of {len(alike)}")
    alarms = [outcome for outcome in alike if outcome.answer == Answer.REGRESSED or outcome.findings]
    ungated = sum(outcome.ungated == Answer.REGRESSED for outcome in alike)
    found = sum(outcome.answer == Answer.REGRESSED for outcome in slower)
    passed = sum(outcome.answer == Answer.PASS for outcome in slower)
    console.print(f"false alarms: {len(alarms)} of {len(alike)} (without the gate {ungated}), to be 0")
    for outcome in alarms:
        console.print(f"  {outcome}")
    console.print(f"2 % found: {found} of {len(slower)}, to be {FOUND_SHARE:.0%}; passed: {passed}", highlight=False)
    return not alarms and found >= FOUND_SHARE * len(slower)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machine", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few comparisons, to see that it runs")
    parser.add_argument("--seed", type=int, default=1, help="of the layouts (default: 1)")
    parser.add_argument("--alike", type=int, metavar="N", help="comparisons of equal builds, in all")
    parser.add_argument("--runs", type=int, metavar="N", help="comparisons of each slow-down in each setting")
    parser.add_argument("--load", type=int, metavar="N", help="other programs where there is a load (default: cores)")
    parser.add_argument("--only", default="", metavar="TEXT", help="settings whose name has this in it")
    parser.add_argument(
        "--unaligned",
        action="store_true",
        help="leave the hot loop wherever it is linked: what the luck of layout does",
    )
    words = parser.parse_args()
    reached = main(
        quick=words.quick,
        seed=words.seed,
        alike=words.alike,
        runs=words.runs,
        loads=words.load,
        aligned=not words.unaligned,
        only=words.only,
    )
    sys.exit(0 if reached else 1)
