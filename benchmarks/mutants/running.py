"""Build a mutant, run the suites against it, and judge what they found."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.mutants.catalogue import Mutant
from demo.library import stand_before
from ontarget.harness.abi import Abi

SOURCES = sorted(Path(__file__).with_name("src").glob("*.c"))
SELECTION = "accuracy and (core or hard)"
_FINE = frozenset({"pass", "not-offered", "inconclusive"})
_ROOT = Path(__file__).resolve().parents[2]
_DEADLINE = 1800.0  # seconds, for one mutant's tests


class NoAnswerError(RuntimeError):
    """The suites did not run: nothing can be said of the mutant."""


@dataclass(frozen=True)
class Found:
    """What the suites made of a mutant. `caught`: one of its tests ended as it has to, and no other one failed.

    `failed` are its tests that failed, `strangers` others that did; ids without their module, with outcomes.
    """

    mutant: Mutant
    tests: int
    failed: tuple[tuple[str, str], ...]
    strangers: tuple[tuple[str, str], ...]
    example: str

    @property
    def caught(self) -> bool:
        if self.strangers:
            return False
        if self.mutant.outcome == "pass":
            return not self.failed
        return bool(_telling(self.mutant, self.failed))

    @property
    def hard_only(self) -> bool:
        """Whether ordinary layers would have let it pass."""
        return bool(self.failed) and all(name.startswith(("test_sizes", "test_hardship")) for name, _ in self.failed)


def run(mutant: Mutant, abi: Abi, original: Path, folder: Path, *, device: str = "local") -> Found:
    """Build the mutant in `folder`, and hold it against the real library there in `original`. Raises NoAnswerError."""
    build = stand_before(abi, original, folder / mutant.name, SOURCES, [f"-DMUTANT={mutant.name}", "-lm"])
    results = folder / f"{mutant.name}.json"
    argv = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "benchmarks.mutants.choosing", "-p", "no:cacheprovider"),
        *(
            "--on",
            device,
            "--candidate",
            f"{abi}={build}",
            "--baseline",
            f"{abi}={original}",
            "--results",
            str(results),
        ),
        *("--no-memory", "-m", SELECTION, "--pyargs", "ontarget.suites"),
    ]
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "ONTARGET_MUTANT": mutant.name, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(argv, env=environment, cwd=folder, capture_output=True, text=True, timeout=_DEADLINE)
    if not results.exists() or done.returncode not in (0, 1):
        raise NoAnswerError(
            f"{mutant.name}: pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"
        )
    return judge(mutant, json.loads(results.read_text()))


def judge(mutant: Mutant, results: dict[str, Any]) -> Found:
    """What the entries of an `ontarget-results.json` say of the mutant."""
    ours: list[tuple[str, str]] = []
    strangers: list[tuple[str, str]] = []
    messages = {}
    for test in results["tests"]:
        if test["outcome"] in _FINE:
            continue
        name = test["id"].split("::")[-1]
        named = [
            f"_{operator}_" in test["layer"] or test["layer"] in _layers(operator) for operator in mutant.operators
        ]
        mine = any(named) and test["dtype"] == mutant.dtype
        (ours if mine else strangers).append((name, test["outcome"]))
        messages[name] = test["message"]
    telling = _telling(mutant, ours)
    example = messages[telling[0]] if telling else next(iter(messages.values()), "")
    return Found(mutant, len(results["tests"]), tuple(ours), tuple(strangers), example)


def _telling(mutant: Mutant, failed: "tuple[tuple[str, str], ...] | list[tuple[str, str]]") -> list[str]:
    return [name for name, outcome in failed if outcome == mutant.outcome and mutant.test in name]


def _layers(operator: str) -> frozenset[str]:
    from ontarget.suites.layers import core

    return frozenset(layer.id for layer in core() if layer.op == operator)
