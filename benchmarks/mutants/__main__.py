"""Deliberate kernel bugs in an interposing library, and how many of them the suites catch.

`python -m benchmarks.mutants [--few] [--on DEVICE] [--no-controls] [NAME ...]` prints a table, and exits with 1 if a
bug got away. Each is built with the machine's cross compiler and run through pytest with the real library as baseline.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.mutants.catalogue import CONTROLS, FEW, MUTANTS
from benchmarks.mutants.running import Found, run
from demo.library import fetch
from ontarget.harness.abi import Abi


def main(words: argparse.Namespace) -> int:
    console = Console(width=160)
    chosen = [mutant for mutant in MUTANTS if not words.names or mutant.name in words.names]
    if words.few:
        chosen = [mutant for mutant in MUTANTS if mutant.name in FEW]
    controls = [] if words.few or words.names or words.no_controls else list(CONTROLS)
    abi = Abi(words.abi)
    original = fetch(abi, lambda line: print(line, file=sys.stderr))
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        for mutant in [*controls, *chosen]:
            started = time.monotonic()
            found.append(run(mutant, abi, original, folder, device=words.on))
            _say(console, found[-1], time.monotonic() - started)
    console.print(_table([one for one in found if one.mutant.outcome != "pass"]))
    fine = [one for one in found if one.mutant.outcome == "pass" and one.caught]
    console.print(f"without a bug {len(fine)} of {len(controls)} plain kernels pass")
    return 0 if all(one.caught for one in found) else 1


def _say(console: Console, found: Found, seconds: float) -> None:
    word = "as it must" if found.caught else "NOT AS IT MUST"
    console.print(
        f"{found.mutant.name}: {word}, {len(found.failed)} of {found.tests} failed, {seconds:.0f} s", soft_wrap=True
    )
    if not found.caught:
        console.print(f"  {found.failed[:4]} {found.strangers[:4]} {found.example[:400]}", soft_wrap=True, markup=False)


def _table(found: list[Found]) -> Table:
    caught = sum(one.caught for one in found)
    table = Table(title=f"{caught} of {len(found)} bugs are caught", title_justify="left")
    for column in ("bug", "what", "of", "outcome", "failed", "in hard inputs only", "caught"):
        table.add_column(column)
    for one in found:
        mutant = one.mutant
        of = f"{'convolutions' if len(mutant.operators) > 1 else mutant.operators[0]} {mutant.dtype}"
        only = "yes" if one.hard_only else ""
        table.add_row(
            mutant.name, mutant.what, of, mutant.outcome, str(len(one.failed)), only, "yes" if one.caught else "NO"
        )
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of the bugs; all by default")
    parser.add_argument("--few", action="store_true", help=f"only {', '.join(FEW)}")
    parser.add_argument("--no-controls", action="store_true", help="leave out the plain kernels without a bug")
    parser.add_argument("--on", default="local", metavar="DEVICE", help="as for pytest (default: local)")
    parser.add_argument("--abi", default="x86_64", help="of the device (default: %(default)s)")
    sys.exit(main(parser.parse_args()))
