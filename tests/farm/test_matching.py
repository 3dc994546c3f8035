import pytest

from ontarget.device_farm.facts import cpus, plain
from ontarget.device_farm.matching import Traits, matching, refuse, unknown_yet
from ontarget.harness.errors import UserError

PI = Traits("pi4-03", "raspberry-pi-4b", "aarch64", frozenset({"cortex-a72"}), {"rack": "b2"})
NEW = Traits("new", None, tags={"rack": "b2"})
HERE = Traits("local", "local", "x86_64")
FARM = [PI, NEW, HERE]


@pytest.mark.parametrize(
    ("requirements", "names", "unknown"),
    [
        ({}, ("pi4-03", "new", "local"), ()),
        ({"name": "local"}, ("local",), ()),
        ({"model": "raspberry-pi-4b"}, ("pi4-03",), ("new",)),
        ({"abi": "aarch64"}, ("pi4-03",), ("new",)),
        ({"cpu": "Cortex-A72"}, ("pi4-03",), ("new", "local")),
        ({"rack": "b2"}, ("pi4-03", "new"), ()),
        ({"rack": "b2", "abi": "x86_64"}, (), ("new",)),
        ({"rack": "b3", "abi": "aarch64"}, (), ()),
    ],
)
def test_what_matches_and_what_may(
    requirements: dict[str, str], names: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    assert matching(FARM, requirements) == names
    assert unknown_yet(FARM, requirements) == unknown


def test_a_key_that_nothing_has() -> None:
    with pytest.raises(
        UserError, match="no device has 'rakc': a KEY is one of abi, cpu, model, name, rack; did you mean 'rack'"
    ):
        matching(FARM, {"rakc": "b2"})


def test_a_value_that_nothing_has() -> None:
    assert str(refuse(FARM, {"model": "pixel"})) == (
        "no device has model=pixel; in this farm model is one of local, raspberry-pi-4b, unknown"
    )
    assert "no devices" in str(refuse([], {}))


def test_names_of_processors() -> None:
    assert cpus({"soc": "BCM2711", "cores": [{"name": "Cortex-A72"}, {"name": "Cortex-A72"}]}) == [
        "bcm2711",
        "cortex-a72",
    ]
    assert cpus({"soc": None, "cores": [{"name": None}]}) == []


def test_facts_are_what_json_gives_back() -> None:
    assert plain({"a": frozenset({"y", "x"}), "b": ((1, None),), "c": True}) == {
        "a": ["x", "y"],
        "b": [[1, None]],
        "c": True,
    }
