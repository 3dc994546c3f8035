"""XNNPACK of 2026 against that of 2022: one layer of each operator and data type, right or wrong, faster or slower.

`python -m benchmarks.old_new [--on DEVICE ...] [--select MARKS] [--results FILE ...]`. Each device is a run of the
suites with the new library as the candidate and the old one as the baseline; with `--results` runs that were made are
only told of. Prints Markdown: counts of outcomes, and the change of time or of instructions by operator.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from ontarget.device_farm.libraries import fetch
from ontarget.harness.abi import Abi
from ontarget.suites.layers import full

SPEED = ("latency", "instructions")
DEVICES = ("local", "board:virtual-cortex-a53", "board:virtual-cortex-a76")
Test = Mapping[str, Any]


def measure(device: str, marks: str, folder: Path) -> Path:
    """Run the suites on a device; return the results file."""
    results = folder / f"{device.replace(':', '-')}.json"
    command = [sys.executable, "-m", "pytest", "-q", f"--on={device}", f"--results={results}", "-m", marks, "--tb=no"]
    for option, name in (("--candidate", "xnnpack-2026"), ("--baseline", "xnnpack-2022")):
        command += [f"{option}={abi}={fetch(name, abi)}" for abi in (Abi.X86_64, Abi.AARCH64)]
    subprocess.run([*command, "--pyargs", "ontarget.suites"], check=False, stdout=sys.stderr)
    if not results.is_file():
        raise SystemExit(f"old_new: {results} was not written: the run on {device} ended before its tests")
    return results


def outcomes(tests: Iterable[Test]) -> str:
    counts = Counter(str(test["outcome"]) for test in tests)
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "none"


def changes(tests: Iterable[Test]) -> dict[tuple[str, str], float]:
    """The median change of time or instructions, new/old - 1, by operator and dtype, where both versions ran."""
    operators = {layer.id: layer.op for layer in full()}
    found: dict[tuple[str, str], list[float]] = {}
    for test in tests:
        verdict = test["verdict"]
        if test["check"] in SPEED and verdict is not None and verdict["effect"] is not None and test["layer"]:
            found.setdefault((operators[test["layer"]], test["dtype"]), []).append(verdict["effect"])
    return {key: median(values) for key, values in sorted(found.items())}


def report(files: Iterable[Path]) -> str:
    """The runs as Markdown."""
    models: dict[str, list[Test]] = {}
    for path in files:
        for test in json.loads(path.read_text())["tests"]:
            models.setdefault(str(test["model"]), []).append(test)
    lines = ["| model | accuracy | speed |", "|---|---|---|"]
    for model, tests in models.items():
        speed = [test for test in tests if test["check"] in SPEED]
        lines.append(f"| {model} | {outcomes(t for t in tests if t['check'] == 'accuracy')} | {outcomes(speed)} |")
    by_model = {model: changes(tests) for model, tests in models.items()}
    lines += ["", f"| operator | dtype | {' | '.join(models)} |", f"|---|---|{'---:|' * len(models)}"]
    for key in sorted({key for found in by_model.values() for key in found}):
        cells = [f"{100 * found[key]:+.1f} %" if key in found else "" for found in by_model.values()]
        lines.append(f"| {key[0]} | {key[1]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", action="append", metavar="DEVICE", help=f"repeats (default: {', '.join(DEVICES)})")
    parser.add_argument("--select", default="core and smallest", metavar="MARKS", help="default: %(default)s")
    parser.add_argument("--results", nargs="+", type=Path, metavar="FILE", help="tell of these runs")
    words = parser.parse_args()
    if words.results:
        print(report(words.results))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(report([measure(device, words.select, Path(folder)) for device in words.on or DEVICES]))


if __name__ == "__main__":
    main()
