"""Timings of a C kernel on this very machine, run as each tool runs it, with slow-downs that are really there."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.noise.protocols import BURST, TIMED, WARMUPS, Runs

FloatArray = NDArray[np.float64]

_SOURCE = Path(__file__).with_name("recorder.c")
TURNS = 100_000  # about 0.1 ms


class Side:
    """One fresh process of the kernel."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def calls(self, count: int) -> FloatArray:
        """The seconds of so many calls [count]."""
        if self._process.stdin is None or self._process.stdout is None:
            raise ValueError("expected a process with pipes")
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return np.array(self._process.stdout.readline().split(), dtype=np.float64) * 1e-9


@dataclass(frozen=True)
class Machine:
    """This machine with the kernel compiled."""

    program: Path

    @classmethod
    def prepare(cls, folder: Path) -> "Machine":
        program = folder / "recorder"
        subprocess.run(["cc", "-O2", "-o", str(program), str(_SOURCE)], check=True)
        return cls(program)

    @contextmanager
    def launch(self, slowdown: float) -> Iterator[Side]:
        """A process whose kernel does more work by `slowdown` (a ratio - 1)."""
        command = [str(self.program), str(round(TURNS * (1 + slowdown)))]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield Side(process)

    def one_after_the_other(self, runs: Runs, slowdown: float) -> tuple[FloatArray, FloatArray, float]:
        """All runs of the baseline, then all of the candidate: their values [1, values] and seconds in all."""
        start = time.monotonic()
        baseline, candidate = self._values(runs, 0.0), self._values(runs, slowdown)
        return baseline, candidate, time.monotonic() - start

    def _values(self, runs: Runs, slowdown: float) -> FloatArray:
        launches = []
        for _ in range(runs.launches):
            with self.launch(slowdown) as side:
                side.calls(runs.warmups)
                launches.append(side.calls(runs.values * runs.calls).reshape(runs.values, runs.calls).mean(axis=1))
        return np.concatenate(launches)[None, :]

    def pair(self, slowdown: float, *, candidate_first: bool) -> tuple[float, float, float]:
        """One launch pair in alternating bursts: the medians (baseline, candidate), and seconds in all."""
        start = time.monotonic()
        with (
            self.launch(slowdown if candidate_first else 0.0) as one,
            self.launch(0.0 if candidate_first else slowdown) as two,
        ):
            for side in (one, two):
                side.calls(WARMUPS)
            bursts = [(one.calls(BURST)[1:], two.calls(BURST)[1:]) for _ in range(TIMED // BURST)]
        first, second = (float(np.median(np.concatenate(samples))) for samples in zip(*bursts, strict=True))
        seconds = time.monotonic() - start
        return (second, first, seconds) if candidate_first else (first, second, seconds)
