"""The core suite on two boards, again and again, while a fault is injected every so often; and what came of it."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks import ratios
from demo import expected, library
from ontarget.device_farm import boards
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.leases.store import DeviceState
from ontarget.device_farm.reach import board_name
from ontarget.harness.abi import Abi
from ontarget.harness.errors import OntargetError
from ontarget.suites import layers
from support import faults, soak_phone
from support.boards import state_home, stop_all

MODEL: Final = "virtual-cortex-a53"
UNITS: Final = ("one", "two")
SELECTION: Final = "core and not hard and (accuracy or smallest)"
LONGEST: Final = 1800.0
"""Seconds after which a run is taken to hang."""
# What was taken out of service is given back between runs: within one nobody waits for it for long.
LEASE_WAIT: Final = "--lease-wait=120s"
# A phone's clock is real: a test that takes longer than faults are apart never comes to its end there.
TEST_TIME: Final = "--test-time=15s"
# What a device does not come back from by itself is not injected here: the table has it.
KINDS: Final = faults.HEALING

Say = Callable[[str], None]


@dataclass
class Injected:
    """A fault as it was injected, `after` seconds of the soak; `missed` says why it could not be."""

    after: float
    fault: str
    unit: str
    missed: str = ""


@dataclass
class Round:
    """One run of the suite: its entries, and what of them is not as it must be."""

    part: str
    seconds: float
    tests: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    output: str = ""


@dataclass
class Report:
    rounds: list[Round] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)
    """Devices that the ladder took out of service, with the reason: somebody had to give them back."""
    lost: list[str] = field(default_factory=list)
    """Devices that could not be used at the end."""


def run(folder: Path, seconds: float, *, every: float, phone: bool, seed: int, say: Say) -> Report:
    """Run the suite until `seconds` are over, at least once with each candidate."""
    report = Report()
    with state_home(folder / "state"), ExitStack() as stack:
        stack.callback(stop_all, folder / "state")
        others: dict[str, Callable[[], None]] = {}
        entries = ""
        if phone:
            entries, others = soak_phone.phone(stack)
        farm_file = write_farm(folder, entries)
        say("fetching Debian's XNNPACK, building the candidate with planted faults")
        abis = [Abi.AARCH64, *([Abi.X86_64] if phone else [])]
        originals = {abi: library.fetch(abi, lambda _: None) for abi in abis}
        planted = {abi: library.plant_faults(abi, originals[abi], folder / "planted" / abi) for abi in abis}
        units = {name: started_board(farm_file, name) for name in UNITS}
        ends = time.monotonic() + seconds
        rain = Rain(units, others, every, random.Random(seed), report.injected, say)
        with rain:
            while time.monotonic() < ends or len(report.rounds) < 2:
                part = ("identical", "planted")[len(report.rounds) % 2]
                candidates = originals if part == "identical" else planted
                done = suite(folder, part, farm_file, candidates, originals, workers=len(UNITS) + phone)
                done.wrong += wrong(done)
                report.rounds.append(done)
                counts = Counter(test["outcome"] for test in done.tests)
                say(f"run {len(report.rounds)} ({part}): {done.seconds:.0f} s, {dict(counts)}, {len(done.wrong)} wrong")
                for line in done.wrong[:10]:
                    say(f"    {line}")
                report.given_back += give_back(farm_file, say)
        report.lost = missing(report.rounds) + lost(farm_file)
    return report


def write_farm(folder: Path, more: str = "") -> Path:
    """Write the farm's file: two boards of one model, and `more` entries."""
    text = "version = 1\n" + "".join(
        f'[[device]]\nname = "{name}"\nmodel = "{MODEL}"\nconnect = "board:{MODEL}"\n' for name in UNITS
    )
    path = folder / "farm.toml"
    path.write_text(text + more)
    return path


def started_board(farm_file: Path, name: str) -> str:
    """Boot a unit's board, so that faults find it; the name that it has."""
    inventory = load(farm_file)
    entry = inventory.named(name)
    if entry is None:
        raise SystemExit(f"faults: {farm_file} lists no {name}")
    with Farm.open(inventory) as farm:
        board = board_name(entry, farm.store_id, own_store=False)
    boards.up(MODEL, board)
    return board


class Rain:
    """Injects a fault into a unit at random, every so many seconds, in a thread of its own, as a context manager."""

    def __init__(
        self,
        units: Mapping[str, str],
        others: Mapping[str, Callable[[], None]],
        every: float,
        chance: random.Random,
        injected: list[Injected],
        say: Say,
    ) -> None:
        """`units` are boards by the names of their devices, `others` the faults of the phone, if there is one."""
        self._units = dict(units)
        self._others = dict(others)
        self._every = every
        self._chance = chance
        self._injected = injected
        self._say = say
        self._over = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._fall, name="faults", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(120)

    def _fall(self) -> None:
        while not self._over.wait(self._every):
            unit = self._chance.choice([*sorted(self._units), *(["phone"] if self._others else [])])
            name = self._chance.choice(sorted(self._others) if unit == "phone" else [kind.name for kind in KINDS])
            made = Injected(time.monotonic() - self._began, name, unit)
            try:
                board = None if unit == "phone" else boards.find(self._units[unit])
                if unit == "phone":
                    self._others[name]()
                elif board is None:
                    made.missed = "the board is off"
                else:
                    faults.named(name).inject(board)
            except (OntargetError, AssertionError, OSError, subprocess.SubprocessError) as error:
                made.missed = str(error)[:120]  # it is broken already
            self._injected.append(made)
            self._say(f"{name} on {unit}{': not injected, ' + made.missed if made.missed else ''}")


def suite(
    folder: Path,
    part: str,
    farm_file: Path,
    candidates: Mapping[Abi, Path],
    baselines: Mapping[Abi, Path],
    *,
    workers: int,
) -> Round:
    """Run pytest as a user would, for at most LONGEST."""
    results = folder / "ontarget-results.json"
    results.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "ontarget.suites"),
        *("-m", SELECTION, "-n", str(workers), f"--farm={farm_file}", "--block=instructions"),
        *(f"--results={results}", "--tb=line", LEASE_WAIT, TEST_TIME),
    ]
    for option, builds in (("--candidate", candidates), ("--baseline", baselines)):
        command += [f"{option}={abi}={path}" for abi, path in builds.items()]
    began = time.monotonic()
    log = folder / f"run-{int(began)}-{part}.txt"
    made = Round(part, 0.0)
    with log.open("w") as output:
        try:
            subprocess.run(command, check=False, timeout=LONGEST, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        except subprocess.TimeoutExpired:
            made.wrong.append(f"the run hung: it had not ended after {LONGEST:g} s; see {log}")
    made.seconds = time.monotonic() - began
    made.output = log.read_text(errors="replace")
    if results.is_file():
        made.tests = json.loads(results.read_text())["tests"]
    else:
        made.wrong.append(f"no results were written; see {log}: {made.output[-500:]}")
    return made


def wrong(done: Round) -> list[str]:
    """What is neither right nor marked infra in a run."""
    operators = {layer.id: layer.op for layer in layers.core()}
    return [line for test in done.tests for line in _wrong(test, done.part, operators)]


def missing(rounds: Sequence[Round]) -> list[str]:
    """The tests that have a result in one run, and none in another."""
    found = [{str(test["id"]) for test in done.tests} for done in rounds]
    everything = set[str]().union(*found)
    return [f"{name} has no result in run {n}" for n, ids in enumerate(found, 1) for name in sorted(everything - ids)]


def _wrong(test: Mapping[str, Any], part: str, operators: Mapping[str, str]) -> Sequence[str]:
    fault = expected.fault_of(test, operators) if part == "planted" else None
    if test["outcome"] == "infra":
        return () if test["message"] else (f"{test['id']}: infra without a reason",)
    if expected.as_planted(test, fault):
        return ()
    if test["device"] == soak_phone.NAME and test["outcome"] == "inconclusive" and expected.is_timing(test):
        return ()  # its clock is this machine's, which others use
    must = "pass" if fault is None else fault.outcome
    return (f"{test['id']}: must be {must} and is {test['outcome']}: {str(test['message'])[:200]}",)


def give_back(farm_file: Path, say: Say) -> list[str]:
    """Give back what the ladder took out of service, as a person would who has looked at it."""
    given = []
    with Farm.open(load(farm_file)) as farm:
        for status in farm.statuses():
            if status.state not in (DeviceState.AVAILABLE, DeviceState.LEASED):
                given.append(f"{status.name} was {status.state}: {status.reason}")
                say(f"giving back {given[-1]}")
                farm.set_state(status.name, DeviceState.AVAILABLE, "looked at, and given back")
    return given


def lost(farm_file: Path) -> list[str]:
    """The devices that cannot be used now, with the reason."""
    gone = []
    with Farm.open(load(farm_file)) as farm:
        for status in farm.statuses():
            try:
                with farm.lease({"name": status.name}, wait=120.0) as lease, farm.connect(lease) as device:
                    device.conditions()
            except OntargetError as error:
                gone.append(f"{status.name}: {error}")
    return gone


def show(report: Report) -> bool:
    """Print what happened; return whether it is what is wanted."""
    tests = [test for done in report.rounds for test in done.tests]
    not_right = [line for done in report.rounds for line in done.wrong]
    outcomes = Counter(str(test["outcome"]) for test in tests)
    by_fault = Counter(one.fault for one in report.injected if not one.missed)
    rows = {
        "runs of the suite": len(report.rounds),
        "results": len(tests),
        **{f"  {outcome}": count for outcome, count in sorted(outcomes.items())},
        "  run again, or moved": sum(test.get("rerun") is not None for test in tests),
        "faults injected": sum(by_fault.values()),
        **{f"  {name}": count for name, count in sorted(by_fault.items())},
        "  found the board broken already": sum(bool(one.missed) for one in report.injected),
        "devices out of service, given back by hand": len(report.given_back),
        "wrong, hung or lost": len(not_right) + len(report.lost),
    }
    shown = Table("", "", title="The core suite while faults are injected", title_justify="left")
    for name, value in rows.items():
        shown.add_row(name, str(value))
    ratios.console.print(shown)
    for line in [*not_right, *report.lost][:30]:
        ratios.console.print(f"  {line}", markup=False)
    good = not not_right and not report.lost and bool(tests) and outcomes["pass"] > 0
    verdict = "[green]reached[/green]" if good else "[red]not reached[/red]"
    ratios.console.print(f"  every result right or marked infra, nothing hung, nothing lost: {verdict}")
    return good
