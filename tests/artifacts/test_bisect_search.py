"""The search among commits, with builds and devices that are played."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.bisect.channel import Measured, Unmeasurable, Wanted
from ontarget.device_farm.bisect.halving import Halving
from ontarget.device_farm.bisect.measuring import Judged
from ontarget.device_farm.bisect.search import Driver
from ontarget.device_farm.bisect.state import Kind, Progress, StateFolder
from ontarget.device_farm.errors import BuildFailed, NoSuchCommit
from ontarget.harness.abi import Abi
from ontarget.harness.errors import UserError
from ontarget.harness.statistics.bisection import Answer, Measure, Result

COMMITS = [f"{number:040x}" for number in range(12)]


@dataclass
class Played:
    """Builds and a device: commits from `culprit` on are 5 % slower, or wrong; `broken` do not build.

    `interrupt_at`: which of all that is asked for ends in Ctrl-C.
    """

    culprit: int
    broken: Sequence[int] = ()
    wrong: bool = False
    exact: bool = False
    unlike: Sequence[int] = ()
    interrupt_at: int | None = None
    asked: list[str] = field(default_factory=list)
    there: set[str] = field(default_factory=set)
    quick: bool = True

    def has(self, commit: str, abi: Abi | None = None) -> bool:  # noqa: ARG002 - one ABI is played
        return commit in self.there

    def build(self, commit: str) -> None:
        self._ask(f"build {commit}")
        if COMMITS.index(commit) in self.broken:
            raise BuildFailed(f"{commit} does not build")
        self.there.add(commit)

    def pairs(self, wanted: Wanted) -> Measured | Unmeasurable:
        assert self.has(wanted.commit)
        place = COMMITS.index(wanted.commit)
        if place in self.unlike:
            return Unmeasurable("unlike toolchains")
        # what a pair shows is drawn by how many there were of the commit, so that an interruption changes nothing
        before = sum(one == f"measure {wanted.commit}" for one in self.asked)
        self._ask(*[f"measure {wanted.commit}"] * wanted.pairs)
        slower = 0.05 * (place >= self.culprit)
        if self.exact:
            return Measured((slower,), "", "board", exact=True)
        drawn = [np.random.default_rng([place, before + one]).normal(slower, 0.004) for one in range(wanted.pairs)]
        return Measured(tuple(drawn), "median", "board")

    def results(self, commit: str) -> Judged:
        assert self.has(commit)
        self._ask(f"run {commit}")
        bad = self.wrong and COMMITS.index(commit) >= self.culprit
        return Judged(bad, "wrong: 3 of 4" if bad else "right")

    def close(self) -> None:
        self.quick = True

    def _ask(self, *what: str) -> None:
        if self.interrupt_at is not None and len(self.asked) >= self.interrupt_at:
            self.interrupt_at = None
            raise KeyboardInterrupt
        self.asked += what


def search(played: Played, root: Path, check: Kind | None = None) -> tuple[Progress, Answer]:
    with StateFolder.of(["test"], root) as state:
        return Driver(COMMITS, played, played, state, lambda _: None, 600, check).run()


@pytest.mark.parametrize("culprit", [1, 6, 11])
def test_the_slower_commit_is_found(tmp_path: Path, culprit: int) -> None:
    progress, answer = search(Played(culprit), tmp_path)
    assert (progress.kind, answer.result, answer.suspects) == (Kind.PAIRS, Result.FOUND, (COMMITS[culprit],))
    assert answer.effect == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("culprit", [1, 6, 11])
def test_counted_instructions_take_one_measurement_per_commit(tmp_path: Path, culprit: int) -> None:
    played = Played(culprit, exact=True)
    progress, answer = search(played, tmp_path)
    assert (progress.kind, answer.suspects) == (Kind.COUNTED, (COMMITS[culprit],))
    measured = {one for one in played.asked if one.startswith("measure")}
    assert answer.pairs == len(measured) <= 5


def test_wrong_results_are_searched_by_runs_of_the_test_alone(tmp_path: Path) -> None:
    played = Played(7, wrong=True, broken=[5])
    progress, answer = search(played, tmp_path)
    assert (progress.kind, answer.suspects) == (Kind.RESULTS, (COMMITS[7],))
    runs = [one for one in played.asked if one.startswith("run")]
    assert len(runs) == len(set(runs)) <= 6
    assert not any(one.startswith("measure") for one in played.asked)


def test_commits_that_do_not_build_or_compare_are_stepped_around(tmp_path: Path) -> None:
    progress, answer = search(Played(6, broken=[5, 8], unlike=[4]), tmp_path)
    assert answer.suspects == (COMMITS[4], COMMITS[5], COMMITS[6])
    assert progress.skipped[COMMITS[5]] == f"{COMMITS[5]} does not build"
    assert progress.skipped[COMMITS[4]] == "unlike toolchains"


def test_ends_that_cannot_be_measured_are_told(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"{COMMITS[0]} does not build"):
        search(Played(6, broken=[0]), tmp_path)
    with pytest.raises(UserError, match=r"bad end .* to be measurable: unlike toolchains"):
        search(Played(6, unlike=[11]), tmp_path)
    with pytest.raises(NoSuchCommit, match=r"come out right at 0+, found wrong"):
        search(Played(0, wrong=True), tmp_path)


def test_ends_that_do_not_differ_are_told(tmp_path: Path) -> None:
    for played in (Played(12), Played(12, exact=True)):
        _, answer = search(played, tmp_path / str(played.exact), Kind.PAIRS)
        assert (answer.result, answer.suspects) == (Result.NO_DIFFERENCE, ())
    _, answer = search(Played(6), tmp_path / "results", Kind.RESULTS)
    assert answer.result is Result.NO_DIFFERENCE


@pytest.mark.parametrize("kind", ["timed", "counted", "wrong"])
@pytest.mark.parametrize("every", [1, 3, 7])
def test_an_interrupted_search_comes_to_the_same_answer(tmp_path: Path, kind: str, every: int) -> None:
    def played() -> Played:
        return Played(6, broken=[3], exact=kind == "counted", wrong=kind == "wrong")

    _, whole = search(played(), tmp_path / "whole")
    going = played()
    # what was asked so far stays done; at least the ends' first pairs have to come through in one go
    for _ in range(1000):
        going.interrupt_at = len(going.asked) + every + 4
        try:
            _, answer = search(going, tmp_path / "interrupted")
        except KeyboardInterrupt:
            continue
        break
    assert answer == whole


def test_what_was_saved_by_nobody_we_know_is_left_aside(tmp_path: Path) -> None:
    with StateFolder.of(["test"], tmp_path) as state:
        for text in ("", "{}", '{"version": 9}', "[1]", '{"version": 1, "kind": "latency", "search": "x"}'):
            (state.path / "search.json").write_text(text)
            told: list[str] = []
            assert state.load(COMMITS, told.append) is None
            assert "starting over" in told[0]
        state.save(Progress(Kind.RESULTS, Halving(COMMITS, least=0.5)))
        assert state.load(COMMITS, print) is not None
        assert state.load(COMMITS[1:], print) is None


def test_one_process_searches_at_a_time(tmp_path: Path) -> None:
    with (
        StateFolder.of(["test"], tmp_path),
        pytest.raises(UserError, match="another process does"),
        StateFolder.of(["test"], tmp_path),
    ):
        pass


@given(st.data())
def test_halving_finds_every_culprit_that_can_be_told(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 40))
    commits = [str(number) for number in range(count)]
    culprit = data.draw(st.integers(1, count - 1))
    broken = data.draw(st.sets(st.integers(1, max(1, count - 2)), max_size=count // 2)) - {count - 1}
    found = Halving(commits, least=0.5)
    while isinstance(step := found.step, Measure):
        place = int(step.commit)
        if place in broken:
            found.cannot_measure(step.commit)
        else:
            found.tell(float(place >= culprit))
        found = Halving.from_json(found.to_json())
    good = [place for place in range(culprit) if place not in broken]
    bad = [place for place in range(culprit, count) if place not in broken]
    assert step.suspects == tuple(commits[max(good) + 1 : min(bad) + 1])
    assert step.pairs <= 2 + np.log2(count)
