"""Which of 64 commits made it slower: ours beside Pinpoint's rule and git bisect with google/benchmark's compare.py.

`python -m benchmarks.bisect [--quick] [--seed N]`. A culprit of 5 % and one of 2 % at a random place, on the simulated
phones of `benchmarks.noise`; each commit also differs by the luck of its layout (sd 0.1 %). Told are the share of
searches that name the culprit and nothing else, and launches (ours takes two for a pair).

- Pinpoint, `dashboard/pinpoint/models/{job_state,compare}`: 10 attempts of each end and of each commit asked for; two
  commits differ where Mann-Whitney's p is below 0.01, are alike above a threshold that sinks with the attempts, else
  get 10 more; between two that differ the middle one is asked for. Its attempts are given one session's conditions.
- git bisect: a commit is bad where compare.py, after 10 repetitions of the good end and then of it, says slower at 5 %.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import log1p

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.noise.models import MODELS, Model
from benchmarks.noise.peers import mann_whitney
from benchmarks.noise.protocols import Runs, launch_pairs, one_after_the_other
from ontarget.harness.statistics.bisection import Bisection, Measure, Result

FloatArray = NDArray[np.float64]

COMMITS = 64
SLOWER = (0.05, 0.02)
SHARE_RIGHT = 0.95  # to be reached at 5 %
_LAYOUT_SD = 0.001
_SESSIONS, _PAIRS = 200, 20
OURS = "ontarget: posterior, both sides proven"

console = Console(width=140)


@dataclass(frozen=True, eq=False)
class Phone:
    """What launches and launch pairs of one noise model say, drawn from simulated sessions."""

    model: Model
    differences: FloatArray  # log(candidate / baseline) of launch pairs, nothing changed [any]
    launches: FloatArray  # log times of launches, less their session's mean [any]

    @classmethod
    def of(cls, model: Model, rng: np.random.Generator) -> "Phone":
        pairs = launch_pairs(model, rng, sessions=_SESSIONS, pairs=_PAIRS, slowdown=0.0, alternating=True)
        apart = launch_pairs(model, rng, sessions=_SESSIONS, pairs=_PAIRS, slowdown=0.0, alternating=False)
        times = np.log(apart.baseline)
        return cls(model, pairs.differences.ravel(), (times - times.mean(axis=1, keepdims=True)).ravel())


@dataclass(frozen=True, eq=False)
class Range:
    """Commits 0 (good) to 64 (bad): how much slower each is than the first, in log units [65]."""

    phone: Phone
    levels: FloatArray
    culprit: int
    rng: np.random.Generator = field(repr=False)

    @classmethod
    def drawn(cls, phone: Phone, slower: float, rng: np.random.Generator) -> "Range":
        culprit = int(rng.integers(1, COMMITS + 1))
        levels = rng.normal(0, _LAYOUT_SD, COMMITS + 1)
        levels[culprit:] += log1p(slower)
        return cls(phone, levels - levels[0], culprit, rng)


@dataclass(frozen=True)
class Found:
    """The commits named, and the launches it took."""

    commits: tuple[int, ...]
    launches: int


def ours(commits: Range) -> Found:
    names = [str(number) for number in range(COMMITS + 1)]
    search = Bisection(names)
    while isinstance(step := search.step, Measure):
        search.tell(float(commits.rng.choice(commits.phone.differences)) + commits.levels[int(step.commit)])
    proven = step.suspects if step.result is Result.FOUND else ()
    return Found(tuple(int(name) for name in proven), 2 * step.pairs)


# Pinpoint's `thresholds.py`, differences of 1 interquartile range: p above which two commits are alike, by attempts.
_ALIKE = {10: 0.5708, 20: 0.0811, 30: 0.0091}
_DIFFERENT, _ATTEMPTS = 0.01, 10


def pinpoint(commits: Range) -> Found:
    attempts: dict[int, list[float]] = {}

    def more(commit: int) -> None:
        drawn = commits.rng.choice(commits.phone.launches, _ATTEMPTS) + commits.levels[commit]
        attempts.setdefault(commit, []).extend(drawn.tolist())

    def differ(one: int, other: int) -> bool:
        while True:
            p = float(stats.mannwhitneyu(attempts[one], attempts[other], alternative="two-sided").pvalue)
            fewest = min(len(attempts[one]), len(attempts[other]))
            if p < _DIFFERENT:
                return True
            if p > _ALIKE[min(fewest, max(_ALIKE))] or fewest >= max(_ALIKE):
                return False
            for commit in (one, other):
                if len(attempts[commit]) == fewest:
                    more(commit)

    for end in (0, COMMITS):
        more(end)
    named = []
    ranges = [(0, COMMITS)]
    while ranges:
        before, after = ranges.pop()
        if not differ(before, after):
            continue
        if after - before == 1:
            named.append(after)
            continue
        middle = (before + after) // 2
        more(middle)
        ranges += [(before, middle), (middle, after)]
    return Found(tuple(sorted(named)), sum(len(values) for values in attempts.values()))


def git_bisect(commits: Range) -> Found:
    before, after, steps = 0, COMMITS, 0
    while after - before > 1:
        middle, steps = (before + after) // 2, steps + 1
        slower = float(np.expm1(commits.levels[middle]))
        good, here, _ = one_after_the_other(
            commits.phone.model, commits.rng, sessions=1, runs=Runs(1, 5, 10, 50), slowdown=slower, stored=False
        )
        before, after = (before, middle) if mann_whitney(good, here)[0] else (middle, after)
    return Found((after,), 2 * steps)


METHODS: Mapping[str, Callable[[Range], Found]] = {
    OURS: ours,
    "Pinpoint's rule": pinpoint,
    "git bisect, compare.py": git_bisect,
}


def main(*, quick: bool = False, seed: int = 7) -> bool:
    """Search, print a table, and return whether ours is right as often as it is to be."""
    phones = {name: Phone.of(model, np.random.default_rng([seed, i])) for i, (name, model) in enumerate(MODELS.items())}
    each = 2 if quick else 20
    table = Table(title=f"one of {COMMITS} commits is slower: {each * len(phones)} searches each")
    for column in ("method", "slower by", "right (worst model)", "launches: median", "mean", "most"):
        table.add_column(column, justify="left" if column == "method" else "right", no_wrap=True)
    reached = True
    for slower in SLOWER:
        for name, method in METHODS.items():
            right: dict[str, float] = {}
            launches: list[int] = []
            for number, (model, phone) in enumerate(phones.items()):
                rng = np.random.default_rng([seed, number, round(1000 * slower)])
                found = [
                    (commits, method(commits)) for commits in (Range.drawn(phone, slower, rng) for _ in range(each))
                ]
                right[model] = float(np.mean([result.commits == (commits.culprit,) for commits, result in found]))
                launches += [result.launches for _, result in found]
            share, worst = float(np.mean(list(right.values()))), min(right, key=lambda model: right[model])
            reached &= name != OURS or slower != SLOWER[0] or share >= SHARE_RIGHT
            counts = f"{np.median(launches):.0f}", f"{np.mean(launches):.0f}", str(max(launches))
            table.add_row(name, f"{slower:.0%}", f"{share:.0%} ({right[worst]:.0%}, {worst})", *counts)
    console.print(table)
    verdict = "[green]reached[/green]" if reached else "[red]not reached[/red]"
    console.print(f"  ours right in {SHARE_RIGHT:.0%} at {SLOWER[0]:.0%}: {verdict}")
    return reached


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bisect", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few searches")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    sys.exit(0 if main(quick=arguments.quick, seed=arguments.seed) else 1)
