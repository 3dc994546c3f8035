"""Every method on timings recorded on this machine as it is, and under load, with slow-downs that are really there."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from math import log
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.kernel import load
from benchmarks.noise.methods import FIXED_PAIRS, OURS, SIGNED_RANK
from benchmarks.noise.peers import LEVEL, PEERS, Peer
from benchmarks.noise.recorder import Machine
from benchmarks.noise.tables import EFFECTS, GATES, TESTS_OF_A_COMMIT, Found, Results
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics import eprocess_rule

# A method makes one test of this machine with a slow-down: by gate (slower, passed, seconds).
Said = tuple[bool, bool, float]
Method = Callable[[Machine, np.random.Generator, float], Sequence[Said]]


def peer_method(peer: Peer) -> Method:
    def run(machine: Machine, rng: np.random.Generator, slowdown: float) -> list[Said]:  # noqa: ARG001 - A then B
        baseline, candidate, seconds = machine.one_after_the_other(peer.runs, slowdown)
        slower, size = bool(peer.slower(baseline, candidate)[0]), float(peer.size(baseline, candidate)[0])
        believed = [slower and size > gate for gate in GATES]
        return [(answer, not answer, seconds) for answer in believed]

    return run


def fixed_signed_rank(machine: Machine, rng: np.random.Generator, slowdown: float) -> list[Said]:
    pairs = [machine.pair(slowdown, candidate_first=bool(rng.random() < 0.5)) for _ in range(FIXED_PAIRS)]
    d = np.array([log(candidate / baseline) for baseline, candidate, _ in pairs])
    slower = stats.wilcoxon(d, alternative="greater").pvalue <= LEVEL / TESTS_OF_A_COMMIT
    believed = [bool(slower and np.median(d) > np.log1p(gate)) for gate in GATES]
    return [(answer, not answer, sum(seconds for *_, seconds in pairs)) for answer in believed]


def ours(machine: Machine, rng: np.random.Generator, slowdown: float) -> list[Said]:
    """Launch pairs until the rule has an answer for each gate."""
    rules = [eprocess_rule(smallest_effect=gate) for gate in GATES]
    said: dict[int, Said] = {}
    d: list[float] = []
    spent = 0.0
    while len(said) < len(rules) and len(d) < rules[0].budget:
        baseline, candidate, seconds = machine.pair(slowdown, candidate_first=bool(rng.random() < 0.5))
        d.append(log(candidate / baseline))
        spent += seconds
        for number in {*range(len(rules))} - said.keys():
            answer = rules[number].look(np.array(d))
            if answer is not None:
                said[number] = (answer is Answer.REGRESSED, answer in {Answer.PASS, Answer.IMPROVED}, spent)
    return [said.get(number, (False, False, spent)) for number in range(len(rules))]


METHODS: Mapping[str, Method] = {
    **{peer.name: peer_method(peer) for peer in PEERS},
    SIGNED_RANK: fixed_signed_rank,
    OURS: ours,
}


def measure(seed: int, tests: Mapping[float, int]) -> Results:
    """All methods in turn, so that each meets the same machine; conditions are "as it is" and "loaded"."""
    rng = np.random.default_rng(seed)
    found: dict[str, dict[tuple[str, float, float], Found]] = {name: {} for name in METHODS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        machine = Machine.prepare(folder)
        for condition in ("as it is", "loaded"):
            with load(folder, os.cpu_count() or 1) if condition == "loaded" else nullcontext():
                for effect in EFFECTS:
                    said = [
                        {method: run(machine, rng, effect) for method, run in METHODS.items()}
                        for _ in range(tests[effect])
                    ]
                    for method in METHODS:
                        for number, gate in enumerate(GATES):
                            columns = zip(*(test[method][number] for test in said), strict=True)
                            slower, passed, seconds = (np.array(column) for column in columns)
                            found[method][condition, effect, gate] = Found(slower, passed, seconds)
    return found
