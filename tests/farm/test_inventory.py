import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.errors import BadInventory
from ontarget.device_farm.inventory import Inventory, entries_from_words, find_inventory, load, open_inventory
from ontarget.device_farm.ladder.rungs import Act
from ontarget.device_farm.toml_lines import line_of
from ontarget.harness.consoles.login import Login
from ontarget.harness.errors import BadAddress, MissingFile, UserError

DESIGN = """\
version = 1
store = "sqlite:///state/farm.db"
[[device]]
name = "pi4-03"
model = "raspberry-pi-4b"
connect = "ssh:pi@10.0.0.5"
kind = "board"
profile = "raspberry-pi"
host_key = "SHA256:abc"
identity = "keys/pi"
console = "rfc2217://lab1:4001"
power = { driver = "uhubctl", hub = "1-1", port = 2 }
tags = { rack = "b2", shelf = 3 }

[[device]]
name = "here"
connect = "local"

[[device]]
name = "a53"
connect = "board:virtual-cortex-a53"

[[device]]
name = "phone"
connect = "adb:R58M123"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "farm.toml"
    path.write_text(text)
    return path


def test_the_designs_file(tmp_path: Path) -> None:
    inventory = load(written(tmp_path, DESIGN))
    pi, here, a53, phone = inventory.devices
    assert inventory.store == f"sqlite:///{tmp_path / 'state/farm.db'}"
    assert (pi.model, pi.identity, dict(pi.tags)) == (
        "raspberry-pi-4b",
        tmp_path / "keys/pi",
        {"rack": "b2", "shelf": "3"},
    )
    assert pi.power == {"driver": "uhubctl", "hub": "1-1", "port": 2}
    assert [entry.kind for entry in inventory.devices] == ["board", "local", "virtual", "phone"]
    assert (here.model, a53.model, phone.model) == (None, "virtual-cortex-a53", None)


DEVICE = '[[device]]\nname = "a"\nconnect = "local"\n'
MALFORMED = {
    "no version": ("", 1, 'the key "version" is missing'),
    "another version": ("version = 2\n", 1, '"version": this ontarget reads version 1, and found 2'),
    "unknown key": (
        f"version = 1\n{DEVICE}conect = 1\n",
        5,
        'device "a": unknown key "conect"; did you mean "connect"?',
    ),
    "unknown key above": ('version = 1\n\nstor = "x"\n', 3, 'unknown key "stor"; did you mean "store"?'),
    "nothing like it": (f"version = 1\n{DEVICE}zzz = 1\n", 5, 'unknown key "zzz"; known are name, connect'),
    "no such rung": (
        f'version = 1\n{DEVICE}recovery = {{ hit-it = "1s" }}\n',
        5,
        "no rung of the ladder is called 'hit-it'; there are: reconnect, restart-agent, make-room, network-up",
    ),
    "no limit": (
        f'version = 1\n{DEVICE}recovery = {{ reconnect = "soon" }}\n',
        5,
        'reconnect takes a duration, or "off"',
    ),
    "no login": (f'version = 1\n{DEVICE}login = {{ usr = "pi" }}\n', 5, 'unknown key "usr"'),
    "no connect": ('version = 1\n[[device]]\nname = "a"\n', 2, 'device "a": the key "connect" is missing'),
    "no name": ('version = 1\n[[device]]\nconnect = "local"\n', 2, 'device number 1: the key "name" is missing'),
    "no address": (
        'version = 1\n[[device]]\nname = "a"\nconnect = "usb:1"\n',
        4,
        'device "a": "connect": \'usb:1\' names no device',
    ),
    "wrong type": (
        'version = 1\n[[device]]\nname = 7\nconnect = "local"\n',
        3,
        '"name": input should be a valid string',
    ),
    "spaces in a name": (
        'version = 1\n[[device]]\nname = "a b"\nconnect = "local"\n',
        3,
        '"name": string should match pattern',
    ),
    "repeated name": (
        f"version = 1\n{DEVICE}\n{DEVICE}",
        7,
        'two devices are named "a", here and at line 3',
    ),
    "unknown kind": (f'version = 1\n{DEVICE}kind = "server"\n', 5, "\"kind\": input should be 'local', 'board'"),
    "fingerprint": (f'version = 1\n{DEVICE}host_key = "MD5:1"\n', 5, '"host_key": string should match pattern'),
    "power": (f"version = 1\n{DEVICE}power = {{ hub = 1 }}\n", 5, '"power": it needs `driver`'),
    "power table": (f"version = 1\n{DEVICE}[device.power]\nport = [1]\n", 6, '"port": input should be'),
    "tag": (f'version = 1\n{DEVICE}tags.model = "x"\n', 5, "\"tags\": 'model' cannot be a tag"),
    "syntax": ("version = 1\nstore = \n", 2, "no TOML: Invalid value"),
    "second device": (f"version = 1\n{DEVICE}[[device]]\nname = 'b'\nconnect = 'local'\nx = 1\n", 8, 'device "b"'),
    "the first of several": ("version = 3\nzz = 1\nyy = 2\n", 1, "(2 more after it)"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_wrong_is_named_with_file_and_line(case: str, tmp_path: Path) -> None:
    text, line, message = MALFORMED[case]
    path = written(tmp_path, text)
    with pytest.raises(BadInventory) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "farm.toml"
    path.write_bytes(b"version = 1\n\xff\xfe")
    with pytest.raises(BadInventory, match="UTF-8"):
        load(path)
    with pytest.raises(MissingFile, match="--farm"):
        load(tmp_path / "none.toml")


KEYS = st.sampled_from(["version", "store", "device", "name", "connect", "tags", "x"])
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from(["local", "", "a b", "board:m"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_toml_is_an_inventory_or_one_plain_line(data: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "".join(f"{key} = {toml(value)}\n" for key, value in data.items()))
        try:
            load(path)
        except BadInventory as error:
            refusal = error
        else:
            return
        assert 1 <= refusal.line <= max(1, len(path.read_text().splitlines()))
        assert "\n" not in str(refusal)


def test_how_a_device_is_brought_back(tmp_path: Path) -> None:
    (tmp_path / "pi.password").write_text("s3cret\n")
    path = written(
        tmp_path,
        f'version = 1\n{DEVICE}recovery = {{ reconnect = "90s", soft-reboot = "off" }}\n'
        'login = { user = "pi", password_file = "pi.password" }\n',
    )
    entry = load(path).devices[0]
    assert dict(entry.recovery) == {Act.RECONNECT: 90.0, Act.SOFT_REBOOT: None}
    assert entry.console_login == Login("pi", "s3cret")
    assert "s3cret" not in repr(entry.console_login)
    (tmp_path / "pi.password").unlink()
    with pytest.raises(MissingFile, match=r"a: cannot read the console's password from .*pi\.password"):
        _ = entry.console_login


def test_names_of_words() -> None:
    words = ["local", "board:virtual-cortex-a53", "local", "ssh:pi@10.0.0.5:2222", "local"]
    devices = entries_from_words(words).devices
    assert [entry.name for entry in devices] == ["local", words[1], "local#2", words[3], "local#3"]
    assert [entry.connect for entry in devices] == words
    assert [entry.kind for entry in devices] == ["local", "virtual", "local", "board", "local"]
    assert devices[1].model == "virtual-cortex-a53"
    with pytest.raises(BadAddress):
        entries_from_words(["usb:1"])


def test_the_users_own_store_follows_the_standard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert entries_from_words(["local"]).store == f"sqlite:///{tmp_path}/ontarget/farm.db"


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "version = 1\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_inventory(None, {}, below) == path
    assert find_inventory(None, {"ONTARGET_FARM": "/x/farm.toml"}, below) == Path("/x/farm.toml")
    assert find_inventory(Path("y.toml"), {"ONTARGET_FARM": "/x/farm.toml"}, below) == Path("y.toml")
    found = open_inventory(None, (), {}, below)
    assert isinstance(found, Inventory)
    assert found.source == path


def test_a_run_has_one_farm(tmp_path: Path) -> None:
    path = written(tmp_path, "version = 1\n")
    with pytest.raises(UserError, match="--farm and --on"):
        open_inventory(path, ["local"], {}, tmp_path)
    nearby = open_inventory(None, ["local"], {"ONTARGET_FARM": str(path)}, tmp_path)
    assert nearby is not None
    assert nearby.source is None


TOML = '''\
version = 1
text = """
[[device]]
name = "no"
"""
one = """line"""
[[ device ]]
"name" = 'x'
power.driver = "d"
[device.tags]
rack = 1
[[device]]
name="y"
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("version",), 1),
        (("one",), 6),
        (("device", 0), 7),
        (("device", 0, "name"), 8),
        (("device", 0, "power", "driver"), 9),
        (("device", 0, "tags", "rack"), 11),
        (("device", 1, "name"), 13),
        (("device", 1, "absent"), 12),
        (("absent",), 1),
    ],
)
def test_lines(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(TOML, path) == line
