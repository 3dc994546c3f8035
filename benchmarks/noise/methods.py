"""Every method on the noise models: the tools, as each runs the device by itself, and ours."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.noise.many import judge
from benchmarks.noise.models import Model
from benchmarks.noise.peers import LEVEL, PEERS, Peer
from benchmarks.noise.protocols import launch_pairs, one_after_the_other
from benchmarks.noise.tables import GATES, TESTS_OF_A_COMMIT, BoolArray, Found
from ontarget.harness.outcomes import Answer

FloatArray = NDArray[np.float64]

HISTORY = 60
FIXED_PAIRS = 30
OURS = "ontarget: target 2 %, 60 pairs"
APART = "  launches one after the other"
FINER = "ontarget: target 1 %, 150 pairs"
SIGNED_RANK = "30 launch pairs: signed rank 0.05/200"

# A method runs so many tests of a model with a slow-down, and answers once for each of `GATES`.
Method = Callable[[Model, np.random.Generator, int, float], Sequence[Found]]


def peer_method(peer: Peer) -> Method:
    def run(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
        baseline, candidate, seconds = one_after_the_other(
            model, rng, sessions=tests, runs=peer.runs, slowdown=slowdown, stored=peer.stored
        )
        slower, size = peer.slower(baseline, candidate), peer.size(baseline, candidate)
        return [called(slower & (size > gate), seconds) for gate in GATES]

    return run


def called(slower: BoolArray, seconds: FloatArray) -> Found:
    """The answer of a method that knows slower or not."""
    return Found(slower, ~slower, seconds)


def fixed_mann_whitney(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
    """30 launches of each side in random order, pair by pair; Mann-Whitney at 5 % over their medians."""
    pairs = launch_pairs(model, rng, sessions=tests, pairs=FIXED_PAIRS, slowdown=slowdown, alternating=False)
    p = stats.mannwhitneyu(pairs.baseline, pairs.candidate, axis=1).pvalue
    size = np.median(pairs.candidate, axis=1) / np.median(pairs.baseline, axis=1) - 1
    return [called((p < LEVEL) & (size > gate), pairs.seconds.sum(axis=1)) for gate in GATES]


def fixed_signed_rank(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
    """The same launches; Wilcoxon's signed rank, one-sided at 5 % divided by the tests of a commit."""
    pairs = launch_pairs(model, rng, sessions=tests, pairs=FIXED_PAIRS, slowdown=slowdown, alternating=False)
    d = pairs.differences
    p = stats.wilcoxon(d, axis=1, alternative="greater").pvalue
    believed = p <= LEVEL / TESTS_OF_A_COMMIT
    return [called(believed & (np.median(d, axis=1) > np.log1p(gate)), pairs.seconds.sum(axis=1)) for gate in GATES]


def our_method(*, target: float = 0.02, budget: int = 60, alternating: bool = True, history: int = 0) -> Method:
    """Launch pairs until the e-processes of `ontarget.harness.statistics` have an answer."""

    def run(model: Model, rng: np.random.Generator, tests: int, slowdown: float) -> list[Found]:
        def measured(pairs: int, effect: float) -> tuple[FloatArray, FloatArray]:
            found = launch_pairs(model, rng, sessions=tests, pairs=pairs, slowdown=effect, alternating=alternating)
            return found.differences, found.seconds

        known = measured(history, 0.0)[0] if history else None
        d, seconds = measured(budget, slowdown)
        spent = np.cumsum(seconds, axis=1)
        return [
            Found(
                np.asarray(answers.answers == Answer.REGRESSED),
                np.isin(answers.answers.astype(str), [Answer.PASS, Answer.IMPROVED]),
                spent[np.arange(tests), answers.pairs - 1],
            )
            for answers in judge(d, history=known, target=target, smallest_effects=GATES)
        ]

    return run


METHODS: Mapping[str, Method] = {
    **{peer.name: peer_method(peer) for peer in PEERS},
    "30 launch pairs: Mann-Whitney 0.05": fixed_mann_whitney,
    SIGNED_RANK: fixed_signed_rank,
    OURS: our_method(),
    "  knowing 60 A/A differences": our_method(history=HISTORY),
    APART: our_method(alternating=False),
    "  one side after the other, knowing 60": our_method(alternating=False, history=HISTORY),
    FINER: our_method(target=0.01, budget=150),
    "  1 %, one side after the other": our_method(target=0.01, budget=150, alternating=False),
}
