"""How much of a market a farm stands for, and which models to buy next: right to the last per cent."""

import json
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.errors import BadShares
from ontarget.device_farm.market.coverage import standing
from ontarget.device_farm.market.covering import GREEDY_SHARE, choose, covered
from ontarget.device_farm.market.shares import KINDS, example, parse
from support.commands import CommandLine

HEAD = "model,share,soc,cores,isa\n"
PHONES = HEAD + "old,60,s1,a53,asimd\nnew,30,s2,a76 a55,asimd asimddp\nboard,10,s3,a72,asimd\nours,0,s1,a53,asimd\n"

ELEMENTS = st.integers(0, 11)
SETS = st.lists(st.frozensets(ELEMENTS, max_size=5), max_size=7).map(
    lambda sets: {f"m{number}": found for number, found in enumerate(sets)}
)
WEIGHTS = st.lists(st.integers(0, 20), min_size=12, max_size=12).map(
    lambda found: {number: weight / 16 for number, weight in enumerate(found)}
)


def most(sets: dict[str, frozenset[int]], weights: dict[int, float], count: int, have: frozenset[int]) -> float:
    """The best by looking at every choice."""
    few = min(count, len(sets))
    return max(covered([have, *chosen], weights) for chosen in combinations(sets.values(), few))


@given(SETS, WEIGHTS, st.integers(0, 8), st.frozensets(ELEMENTS, max_size=3))
def test_nothing_covers_more_than_what_is_chosen(
    sets: dict[str, frozenset[int]], weights: dict[int, float], count: int, have: frozenset[int]
) -> None:
    choice = choose(sets, weights, count, have=have)
    best = most(sets, weights, count, have)
    assert choice.exact
    assert choice.covered == pytest.approx(best)
    assert choice.bound == choice.covered
    assert len(choice.names) == len(set(choice.names)) <= count
    assert choice.covered == pytest.approx(covered([have, *(sets[name] for name in choice.names)], weights))


@given(SETS, WEIGHTS, st.integers(1, 5), st.frozensets(ELEMENTS, max_size=3))
def test_without_a_search_the_best_lies_between_what_is_found_and_its_bound(
    sets: dict[str, frozenset[int]], weights: dict[int, float], count: int, have: frozenset[int]
) -> None:
    choice = choose(sets, weights, count, have=have, nodes=0)
    best, base = most(sets, weights, count, have), covered([have], weights)
    assert choice.covered <= best + 1e-9 <= choice.bound + 2e-9
    assert choice.covered - base >= GREEDY_SHARE * (best - base) - 1e-9


def test_a_search_that_is_cut_short_says_so() -> None:
    # greedy takes the middle first, which the two halves make useless
    sets = {"left": frozenset({1, 2, 3}), "right": frozenset({4, 5, 6}), "middle": frozenset({2, 3, 4, 5})}
    weights = dict.fromkeys(range(1, 7), 1.0)
    cut = choose(sets, weights, 2, nodes=0)
    assert (cut.covered, cut.exact, cut.bound) == (5.0, False, 6.0)
    whole = choose(sets, weights, 2)
    assert (whole.names, whole.covered, whole.exact) == (("right", "left"), 6.0, True)


def test_shares_are_those_of_socs_cores_and_features_by_hand() -> None:
    found = standing(parse(PHONES, "phones"), ["ours", "stranger"], buy=3)
    assert found.known == ("ours",)
    assert found.unknown == ("stranger",)
    assert found.shares == pytest.approx({"soc": 0.6, "core": 0.6, "isa": 0.6 + 0.15 + 0.1})
    assert [step.choice.names for step in found.next] == [("new",), ("new", "board")]
    assert found.next[0].shares == pytest.approx({"soc": 0.9, "core": 0.9, "isa": 1.0})
    assert found.next[1].choice.covered == pytest.approx(1.0)
    assert [trait for trait, _ in found.missing[:2]] == [("soc", "s2"), ("core", "a55")]
    assert [share for _, share in found.missing[:2]] == pytest.approx([0.3, 0.15])


def test_what_to_buy_for_is_chosen() -> None:
    market = parse(HEAD + "wide,10,s1,a1 a2 a3,x\nplain,20,s2,a4,x\n", "two")
    assert standing(market, [], buy=1, kinds=["soc"]).next[0].choice.names == ("plain",)
    assert standing(market, ["plain"], buy=2, kinds=["isa"]).next == ()


def test_the_example_is_of_the_138_published_runs() -> None:
    market = parse(example(), "example")
    assert sum(model.share for model in market.models) == 138
    assert all(model.cores and model.isa for model in market.models)
    assert sum(market.weights(KINDS).values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "expected the columns model,share,soc,cores,isa, found nothing"),
        ("model,soc\na,b\n", "line 1: expected the columns .*, found model,soc"),
        (HEAD + "a,1,s,c\n", "line 2: expected 5 cells"),
        (HEAD + "# why\na,many,s,c,x\n", "line 3: expected a share of at least 0, found 'many' for a"),
        (HEAD + "a,nan,s,c,x\n", "expected a share of at least 0"),
        (HEAD + "a,-1,s,c,x\n", "expected a share of at least 0"),
        (HEAD + "a,1,s,,x\n", "expected a model, a soc"),
        (HEAD + "a,1,s,c,x\na,2,s,c,x\n", "each model once, found a more than once"),
        (HEAD + "a,0,s,c,x\n", "a share above 0, found none"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(table: str, message: str) -> None:
    with pytest.raises(BadShares, match=rf"shares\.csv.*{message}"):
        parse(table, "shares.csv")


@given(st.text(max_size=200))
def test_no_table_ends_in_another_error(text: str) -> None:
    try:
        market = parse(HEAD + text, "any")
    except BadShares:
        return
    assert sum(model.share for model in market.models) > 0


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    (tmp_path / "shares.csv").write_text(PHONES)
    (tmp_path / "farm.toml").write_text(
        'version = 1\n[[device]]\nname = "a"\nmodel = "ours"\nconnect = "local"\n'
        '[[device]]\nname = "b"\nmodel = "odd"\nconnect = "local"\n'
    )
    return CommandLine(tmp_path)


def test_the_command_tells_shares_what_to_buy_and_which_models_it_does_not_know(line: CommandLine) -> None:
    done = line.run("coverage", "--market", "shares.csv", "--buy", "1", "--svg", "growth.svg")
    assert done.returncode == 0, done.stderr
    assert "ours: 60.0% of SoCs, 60.0% of cores, 85.0% of ISA features" in done.stdout
    assert "nothing is better" in done.stdout
    assert "not in shares.csv: odd; add a row with share 0" in done.stderr
    words = "".join(ElementTree.parse(line.folder / "growth.svg").getroot().itertext())
    assert "ISA features" in words


def test_json_has_all_of_it(line: CommandLine) -> None:
    done = line.run("coverage", "--market", "shares.csv", "--have", "new", "--by", "soc", "--json")
    told = json.loads(done.stdout)
    assert told["models"] == ["new", "ours"]
    assert told["not_in_the_table"] == ["odd"]
    assert told["missing"] == [{"kind": "soc", "name": "s3", "share": pytest.approx(0.1)}]
    assert [(step["models"], step["exact"]) for step in told["buy"]] == [(["board"], True)]


def test_the_example_is_a_table_to_begin_from(line: CommandLine) -> None:
    (line.folder / "shares.csv").write_text(line.run("coverage", "--example").stdout)
    done = line.run("coverage", "--market", "shares.csv", "--have", "raspberry-pi-4b", "--buy", "2")
    assert done.returncode == 0, done.stderr
    assert "tegra234" in done.stdout


def test_options_that_say_nothing_are_refused(line: CommandLine) -> None:
    assert line.run("coverage", "--have", "new").returncode == 2
    missing = line.run("coverage", "--market", "none.csv")
    assert missing.returncode == 2
    assert "cannot read the market's shares from none.csv" in missing.stderr
