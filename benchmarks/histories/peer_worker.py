"""Runs one peer's detector in the peer's own environment: series as JSON on stdin, places of changes on stdout."""

import json
import random
import sys
from collections.abc import Callable
from importlib import import_module

Detector = Callable[[list[float]], list[int]]


def e_divisive() -> Detector:
    """MongoDB's, at its defaults; its permutations are drawn from NumPy's global generator."""
    find = import_module("signal_processing_algorithms.energy_statistics.energy_statistics").e_divisive
    return lambda series: sorted(int(index) for index in find(series))


def otava() -> Detector:
    """At the defaults of its command: windows of 50, p at most 0.001, no least magnitude."""
    find = import_module("otava.analysis").compute_change_points
    return lambda series: [int(change.index) for change in find(series, window_len=50, max_pvalue=0.001)[0]]


def asv() -> Detector:
    """The steps that it draws; each is (begin, end, value, ...)."""
    find = import_module("asv.step_detect").detect_steps
    return lambda series: [int(step[0]) for step in find(series)][1:]


def main() -> None:
    find = {"signal-processing-algorithms": e_divisive, "apache-otava": otava, "asv": asv}[sys.argv[1]]()
    asked = json.load(sys.stdin)
    random.seed(asked["seed"])
    import_module("numpy").random.seed(asked["seed"] % 2**32)
    json.dump([find(series) for series in asked["series"]], sys.stdout)


if __name__ == "__main__":
    main()
