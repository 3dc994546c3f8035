"""Runs the core suite on three device models, unchanged and with planted faults: `ci/tox run -e demo`."""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo import expected, library
from ontarget.device_farm import boards
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.reach import board_name
from ontarget.harness.abi import Abi
from ontarget.harness.errors import OntargetError
from ontarget.harness.transports.address import BoardAddress
from ontarget.suites import layers

BOARD_MODELS = ("virtual-cortex-a53", "virtual-cortex-a76")
MOST_SHOWN = 20
SELECTION = "core and not hard and (accuracy or smallest)"

console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 110)


def main() -> int:
    """Run the demo; return 0 if every check of both parts came out as planted."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="where results and reports go")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: ended by SIGTERM"))  # so that boards are stopped, too
    started = time.monotonic()
    with running_boards(out / "farm.toml") as models:
        abis = [Abi.X86_64, Abi.AARCH64] if models else [Abi.X86_64]
        farm = write_farm(out / "farm.toml", models)  # without the boards that could not be booted
        say("fetching Debian's XNNPACK for " + " and ".join(abis))
        originals = {abi: library.fetch(abi, say) for abi in abis}
        say("building the candidate with planted faults (a first cross build takes up to 90 s)")
        planted = {abi: library.plant_faults(abi, originals[abi], out.resolve() / "planted" / abi) for abi in abis}
        devices = 1 + len(models)
        ready = time.monotonic()
        say(f"{devices} devices ready after {ready - started:.0f} s. Part 1: the candidate is the baseline")
        identical = run_suite(out, "identical", farm, originals, originals, workers=devices)
        say("Part 2: the candidate has four planted faults")
        faulty = run_suite(out, "planted", farm, planted, originals, workers=devices)
    good = report(identical, faulty)
    say(f"{time.monotonic() - started:.0f} s in all, {ready - started:.0f} s of them to get ready")
    say(f"results: {out}/identical/ontarget-results.json, {out}/planted/ontarget-results.json")
    say(f"Allure results: {out}/identical/allure, {out}/planted/allure (`npx allure generate FOLDER` draws the report)")
    return 0 if good else 1


def say(text: str) -> None:
    console.print(Text.assemble(("demo: ", "bold"), text))


@contextmanager
def running_boards(farm: Path) -> Iterator[list[str]]:
    """Boot the farm's boards that this machine can boot; say which it can't, and why; stop them at the end."""
    inventory = load(write_farm(farm, BOARD_MODELS))
    up: list[boards.Board] = []
    try:
        with Farm.open(inventory) as opened:
            for entry in inventory.devices:
                if not isinstance(entry.address, BoardAddress):
                    continue
                name = board_name(entry, opened.store_id, own_store=False)
                try:
                    up.append(boards.up(entry.address.model, name, progress=say))
                except OntargetError as error:
                    say(f"going on without {entry.address.model}: {error}")
        yield [board.model for board in up]
    finally:
        for board in up:
            boards.down(board.name)


def write_farm(path: Path, models: Sequence[str]) -> Path:
    """Write the inventory of the demo's devices."""
    entries = ['version = 1\nstore = "sqlite:///farm.db"\n', '[[device]]\nname = "this-machine"\nconnect = "local"\n']
    entries[1] += 'model = "local"\n'
    entries += [f'[[device]]\nname = "demo-{m}"\nmodel = "{m}"\nconnect = "board:{m}"\n' for m in models]
    path.write_text("\n".join(entries))
    return path


def run_suite(
    out: Path,
    part: str,
    farm: Path,
    candidates: Mapping[Abi, Path],
    baselines: Mapping[Abi, Path],
    *,
    workers: int,
) -> list[dict[str, Any]]:
    """Run pytest as a user would; return the entries of its results file."""
    folder = out / part
    results = folder / "ontarget-results.json"
    results.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--pyargs", "ontarget.suites", "-m", SELECTION),
        # One word each: pytest takes a second word that is a file for a hint at its root folder.
        *("-n", str(workers), f"--farm={farm}", "--block=instructions", f"--results={results}"),
        *(f"--alluredir={folder / 'allure'}", "--clean-alluredir", "--tb=line"),
    ]
    for option, builds in (("--candidate", candidates), ("--baseline", baselines)):
        for abi, path in builds.items():
            command.append(f"{option}={abi}={path}")
    subprocess.run(command, check=False)
    if not results.is_file():
        raise SystemExit(f"demo: {results} was not written: the run ended before its tests")
    tests: list[dict[str, Any]] = json.loads(results.read_text())["tests"]
    return tests


def report(identical: list[dict[str, Any]], faulty: list[dict[str, Any]]) -> bool:
    """Print what was planted and what was found; return whether all is as planted."""
    operators = {layer.id: layer.op for layer in layers.core()}
    models = sorted({str(test["model"]) for test in identical + faulty})
    surprises = [test for test in identical if test["outcome"] not in expected.PASSED]
    table = Table("planted fault", "must be", *models, title="What was planted, and what was found")
    cells: dict[tuple[expected.Fault, str], list[bool]] = {}
    for test in faulty:
        fault = expected.fault_of(test, operators)
        good = expected.as_planted(test, fault)
        if fault is not None:
            cells.setdefault((fault, str(test["model"])), []).append(good)
        if not good:
            surprises.append(test)
    for fault in expected.FAULTS:
        found = [cells.get((fault, model), []) for model in models]
        complete = all(checks and all(checks) for checks in found)
        table.add_row(
            *(f"{fault.operator} f32: {fault.what}", fault.outcome),
            *(f"{sum(checks)}/{len(checks)}" for checks in found),
            style="green" if complete else "red",
        )
    table.add_row("none: all other checks", "pass", *(others(faulty, operators, model) for model in models))
    table.add_row("none: candidate = baseline", "pass", *(others(identical, {}, model) for model in models))
    console.print(table)
    absent = [test for test in identical if test["outcome"] == "not-offered"]
    offered = {str(test["layer"]) for test in identical if test["outcome"] != "not-offered"}
    some_absent = {str(test["layer"]) for test in absent}
    wholly = some_absent - offered
    say(f"not offered by the library: {len(wholly)} layers, and one dtype of {len(some_absent - wholly)} more")
    for test in surprises[:MOST_SHOWN]:
        say(f"not as planted: {test['id']} on {test['model']}: {test['outcome']}: {test['message']}")
    if len(surprises) > MOST_SHOWN:
        say(f"not as planted: {len(surprises) - MOST_SHOWN} more, in the results files")
    missing = [f for f in expected.FAULTS for m in models if not cells.get((f, m))]
    for fault in missing:
        say(f"not tested on every model: {fault.operator}, {fault.what}")
    return not surprises and not missing


def others(tests: list[dict[str, Any]], operators: Mapping[str, str], model: str) -> str:
    """Count the passes among the offered checks in which no fault was planted."""
    rest = [test for test in tests if test["model"] == model and expected.fault_of(test, operators) is None]
    offered = [test for test in rest if test["outcome"] != "not-offered"]
    passed = sum(test["outcome"] == "pass" for test in offered)
    undecided = sum(test["outcome"] == "inconclusive" for test in offered)
    return f"{passed}/{len(offered)}" + (f", {undecided} inconclusive" if undecided else "")


if __name__ == "__main__":
    sys.exit(main())
