"""The files in which boards are remembered, and QEMU's messages: what is read, and what is refused."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm import boards
from ontarget.device_farm.boards import keys, modules, qmp, registry
from ontarget.harness.errors import InfraError, UserError

_BOARDS = st.builds(
    registry.Board,
    name=st.text(max_size=8),
    model=st.text(max_size=8),
    clock=st.sampled_from(["instructions", "none"]),
    image=st.text(max_size=8),
    host_key=st.text(max_size=8),
    ssh_port=st.integers(0, 65535),
    folder=st.just(Path("/boards/one")),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(_BOARDS)
def test_a_record_is_read_as_written(board: registry.Board) -> None:
    assert registry.from_json(registry.to_json(board), board.folder) == board


@given(_BOARDS, st.data())
def test_a_damaged_record_is_refused_by_name(board: registry.Board, data: st.DataObject) -> None:
    text = registry.to_json(board)
    damaged = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(registry.BadRecord, match="one"):
        registry.from_json(damaged, board.folder)


@given(_BOARDS, st.sampled_from([field.name for field in dataclasses.fields(registry.Board)][:-1]), _JSON)
def test_a_field_of_another_type_is_refused(board: registry.Board, name: str, value: object) -> None:
    fields = json.loads(registry.to_json(board))
    if type(value) is type(fields[name]):
        return
    with pytest.raises(registry.BadRecord):
        registry.from_json(json.dumps({**fields, name: value}), board.folder)


@given(_JSON)
def test_other_json_is_refused(value: object) -> None:
    with pytest.raises(registry.BadRecord):
        registry.from_json(json.dumps(value), Path("/boards/one"))


@given(st.binary(max_size=60).filter(lambda line: not line.lstrip().startswith(b"{")))
def test_lines_that_are_no_json_object_are_refused(line: bytes) -> None:
    with pytest.raises(InfraError, match="one"):
        qmp.parse_line(line, "one")


def test_a_recycled_process_id_is_not_taken_for_the_board(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    assert registry.process_of(tmp_path) is None


@pytest.mark.parametrize("text", ["", "no number", "-1", "99999999999"])
def test_a_damaged_process_id_means_off(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert registry.process_of(tmp_path) is None


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 102, "two words"])
def test_a_name_that_could_leave_the_registry_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot name a board"):
        boards.down(name)


def test_an_unknown_model_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UserError, match="virtual-cortex-a53"):
        boards.up("virtual-cortex-m0")


def test_modules_are_loaded_after_what_they_need(tmp_path: Path) -> None:
    needs = {"card": "ring,bus-core", "bus-core": "ring", "ring": ""}
    for name, depends in needs.items():
        (tmp_path / f"{name}.ko").write_bytes(b"ELF\0license=GPL\0depends=" + depends.encode() + b"\0")
    available = modules.available_in(tmp_path)
    assert [path.stem for path in modules.load_order(["card"], available)] == ["ring", "bus-core", "card"]
    with pytest.raises(InfraError, match="no module radio"):
        modules.load_order(["radio"], available)


def test_boards_share_no_key() -> None:
    first, second = keys.generate(), keys.generate()
    assert first.fingerprint != second.fingerprint
    assert first.identity != second.identity
    assert "PRIVATE" not in repr(first)
