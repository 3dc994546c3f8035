"""Which tests run where there is no time for all: the most telling that fit, and nothing is dropped unsaid."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.git import WorkTree
from ontarget.fixtures.change_map import BadMap, find, parse, touches
from ontarget.fixtures.choosing import left_out_lines
from ontarget.fixtures.telling import OVERDUE, Prospect, Why, choose, in_order
from support.histories import git

PROSPECTS = st.lists(
    st.builds(
        Prospect,
        name=st.uuids().map(str),
        model=st.sampled_from(["pi", "phone", "local"]),
        seconds=st.one_of(st.none(), st.floats(-1, 1000), st.just(math.nan), st.just(math.inf)),
        failed=st.one_of(st.none(), st.integers(0, 4)),
        touched=st.booleans(),
        idle=st.one_of(st.none(), st.floats(0, 3 * OVERDUE)),
    ),
    max_size=30,
    unique_by=lambda test: test.name,
)


@given(PROSPECTS, st.floats(0, 5000))
def test_every_test_is_kept_or_left_out_once_in_the_same_order(tests: list[Prospect], budget: float) -> None:
    chosen = choose(tests, budget)
    ordered = in_order(tests)
    assert sorted([*chosen.kept, *chosen.left], key=ordered.index) == ordered
    for part in (chosen.kept, chosen.left):
        assert sorted(part, key=ordered.index) == list(part)
    assert {test.model for test in chosen.kept} == {test.model for test in tests}


@given(PROSPECTS, st.floats(0, 5000))
def test_what_is_kept_fits_but_for_the_first_of_each_model(tests: list[Prospect], budget: float) -> None:
    chosen = choose(tests, budget)
    firsts = {test.model: test for test in reversed(chosen.kept)}.values()
    spent = sum(chosen.expected[test.name] for test in chosen.kept)
    assert spent <= max(budget, sum(chosen.expected[test.name] for test in firsts)) + budget + 1e-6
    more = [test for test in chosen.kept if test not in firsts]
    assert sum(chosen.expected[test.name] for test in more) <= budget + 1e-6


@given(PROSPECTS, st.floats(0, 5000))
def test_what_is_left_out_had_no_room_at_its_turn(tests: list[Prospect], budget: float) -> None:
    chosen = choose(tests, budget)
    ordered = in_order(tests)
    for test in chosen.left:
        before = [one for one in chosen.kept if ordered.index(one) < ordered.index(test)]
        assert sum(chosen.expected[one.name] for one in before) + chosen.expected[test.name] > budget


@given(PROSPECTS)
def test_no_reason_comes_before_a_better_one(tests: list[Prospect]) -> None:
    whys = [test.why for test in in_order(tests)]
    assert whys == sorted(whys)


def test_the_order_by_hand() -> None:
    day = 86400.0
    tests = [
        Prospect("usual", "pi", 1, idle=day),
        Prospect("overdue", "pi", 1, idle=8 * day),
        Prospect("long overdue", "pi", 1, idle=80 * day),
        Prospect("new", "pi"),
        Prospect("touched", "pi", 1, touched=True, idle=day),
        Prospect("failed before", "pi", 1, failed=3, idle=day),
        Prospect("failed", "pi", 1, failed=0, touched=True, idle=day),
    ]
    names = [test.name for test in in_order(tests)]
    assert names == ["failed", "failed before", "touched", "new", "long overdue", "overdue", "usual"]
    assert [test.why for test in in_order(tests)][:4] == [Why.FAILED, Why.FAILED, Why.TOUCHED, Why.NEW]
    chosen = choose(tests, 3.5)
    assert [test.name for test in chosen.left] == ["new", "long overdue", "overdue", "usual"]
    assert chosen.expected["new"] == 1.0


def test_without_any_known_duration_nothing_is_left_out() -> None:
    tests = [Prospect(str(number), "pi") for number in range(100)]
    assert choose(tests, 0.001).left == ()


MAP = """
version = 1
[[touches]]
files = ["src/f32-gemm/*", "src/gemm.c"]
operators = ["gemm", "*_gemm"]
[[touches]]
files = ["src/*"]
tests = ["my.tests::test_all*"]
"""


def test_a_map_names_tests_and_operators_by_patterns() -> None:
    mapped = parse(MAP, "map")
    by_gemm = mapped.touched_by(["src/f32-gemm/4x8.c"])
    assert touches(by_gemm, "x::y", "gemm")
    assert touches(by_gemm, "x::y", "batch_gemm")
    assert touches(by_gemm, "my.tests::test_all[pi]", None)
    assert not touches(by_gemm, "x::y", "softmax")
    assert not touches(mapped.touched_by(["README.md"]), "my.tests::test_all[pi]", "gemm")
    assert mapped.unnamed(["README.md", "src/a.c"]) == ["README.md"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = 2", "expected version = 1"),
        ("version = 1\nmore = 1", "expected version = 1 and"),
        ("version = ", "ontarget-map.toml"),
        ('version = 1\n[[touches]]\nfiles = ["a"]', "entry 1: expected operators or tests"),
        ('version = 1\n[[touches]]\ntests = ["a"]', "entry 1: expected files"),
        ('version = 1\n[[touches]]\nfiles = "a"\ntests = ["b"]', "entry 1: expected files to be a list"),
        ("version = 1\ntouches = 3", "a list of tables"),
    ],
)
def test_a_bad_map_is_refused_by_entry(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "ontarget-map.toml").write_text(text)
    inside = tmp_path / "tests"
    inside.mkdir()
    with pytest.raises(BadMap, match=message):
        find(inside)


def test_files_that_changed_are_those_between_two_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for number, name in enumerate(["kept.c", "old name.c"]):
        (tmp_path / name).write_text(f"{number}\n" * 20)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    (tmp_path / "old name.c").rename(tmp_path / "new.c")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "two")
    tree = WorkTree(tmp_path)
    assert tree.changed("HEAD^", "HEAD") == ["new.c", "old name.c"]
    assert tree.changed("HEAD", "HEAD") == []
    assert tree.changed("nothing", "HEAD") is None


def test_the_terminal_names_the_most_telling_of_what_was_left_out() -> None:
    left = [{"id": f"t{number}", "model": "pi", "seconds": 2.0, "why": "overdue"} for number in range(12)]
    lines = left_out_lines(left, all_of_them=False)
    assert lines[0] == "left out for want of budget: 12 tests, 24 s of device time"
    assert lines[1] == "  t0 (pi, 2.0 s): overdue"
    assert lines[-1] == "  ... and 2 more (all with -v, and in the results)"
    assert len(left_out_lines(left, all_of_them=True)) == 13
    assert left_out_lines([], all_of_them=False) == []
