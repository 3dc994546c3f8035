"""The words of --candidate and --baseline, and the files that they lead to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.abi import Abi
from ontarget.harness.builds import Build, parse_build
from ontarget.harness.errors import MissingFile, UserError, WrongAbi
from support.shared_objects import shared_object


@pytest.fixture(scope="module")
def libc(tmp_path_factory: pytest.TempPathFactory) -> dict[Abi, Path]:
    folder = tmp_path_factory.mktemp("libc")
    return {
        abi: shared_object(folder / str(abi) / "libc.so.6", abi, soname="libc.so.6")
        for abi in (Abi.X86_64, Abi.AARCH64)
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, libc: dict[Abi, Path]) -> Path:
    """liba needs libb and libc.so.6, libb needs libd; each is a link to a file of another name."""
    folder = tmp_path_factory.mktemp("tree")
    for name, needed in (("d", []), ("b", ["d"]), ("a", ["b", "d"])):
        needs = [folder / f"lib{other}.so.1" for other in needed]
        real = folder / f"lib{name}.so.1.2.3"
        shared_object(real, Abi.AARCH64, soname=f"lib{name}.so.1", needs=[*needs, libc[Abi.AARCH64]])
        (folder / f"lib{name}.so.1").symlink_to(real.name)
        (folder / f"lib{name}.so").symlink_to(f"lib{name}.so.1")
    return folder


def names(build: Build) -> list[str]:
    return [file.name for file in build.bundle(Abi.AARCH64).dependencies]


def test_a_file_travels_with_its_neighbours_in_the_order_of_loading(tree: Path) -> None:
    bundle = parse_build([str(tree / "liba.so")], "candidate").bundle(Abi.AARCH64)
    assert bundle.library.name == "liba.so.1"
    assert [file.name for file in bundle.dependencies] == ["libd.so.1", "libb.so.1"]
    assert bundle.dependencies[0].path.resolve() == tree / "libd.so.1.2.3"
    assert bundle.elsewhere == ("libc.so.6",)


def test_a_folder_gives_the_library_of_the_bindings_name(tree: Path) -> None:
    build = parse_build([str(tree)], "candidate", "libb.so.1")
    assert build.bundle(Abi.AARCH64).library.name == "libb.so.1"
    assert names(build) == ["libd.so.1"]


def test_a_folder_that_lost_its_links_serves_too(tree: Path, tmp_path: Path) -> None:
    for path in tree.glob("*.so.1.2.3"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    build = parse_build([str(tmp_path)], "candidate", "liba.so.1")
    assert build.bundle(Abi.AARCH64).library.name == "liba.so.1"
    assert names(build) == ["libd.so.1", "libb.so.1"]


def test_a_linked_file_finds_neighbours_where_it_really_is(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "candidate.so").symlink_to(tree / "liba.so.1")
    assert names(parse_build([str(tmp_path / "candidate.so")], "candidate")) == ["libd.so.1", "libb.so.1"]


def test_an_unknown_need_is_left_to_the_device(tree: Path, tmp_path: Path) -> None:
    alone = tmp_path / "libb.so.1"
    alone.write_bytes((tree / "libb.so.1").read_bytes())
    bundle = parse_build([str(alone)], "candidate").bundle(Abi.AARCH64)
    assert bundle.dependencies == ()
    assert bundle.elsewhere == ("libd.so.1", "libc.so.6")


def test_several_abis(tree: Path, libc: dict[Abi, Path]) -> None:
    build = parse_build([f"x86_64={libc[Abi.X86_64]}", f"aarch64={tree / 'liba.so'}"], "candidate")
    assert sorted(build.files) == [Abi.AARCH64, Abi.X86_64]
    assert build.bundle(Abi.X86_64).library.path == libc[Abi.X86_64]


def test_an_abi_that_is_not_given(tree: Path) -> None:
    build = parse_build([f"aarch64={tree / 'liba.so'}"], "baseline")
    with pytest.raises(MissingFile) as caught:
        build.bundle(Abi.X86_64, device="pi4-03")
    message = str(caught.value)
    assert message.startswith("pi4-03: expected a baseline built for x86_64")
    assert f"aarch64 ({tree / 'liba.so'})" in message
    assert "--baseline x86_64=PATH" in message


def test_a_file_for_another_abi_than_it_is_said_to_be(tree: Path) -> None:
    with pytest.raises(WrongAbi, match=r"x86_64=.*liba\.so: expected a library for x86_64, found one for aarch64"):
        parse_build([f"x86_64={tree / 'liba.so'}"], "candidate")


def test_a_neighbour_for_another_abi(tree: Path, libc: dict[Abi, Path], tmp_path: Path) -> None:
    (tmp_path / "libb.so.1").write_bytes((tree / "libb.so.1").read_bytes())
    shared_object(tmp_path / "libd.so.1", Abi.X86_64, soname="libd.so.1", needs=[libc[Abi.X86_64]])
    with pytest.raises(WrongAbi, match=r"needs libd\.so\.1: expected it for aarch64, found .* for x86_64"):
        parse_build([str(tmp_path / "libb.so.1")], "candidate").bundle(Abi.AARCH64)


def test_what_cannot_be_told_apart_is_taken_for_both(tmp_path: Path) -> None:
    alone = shared_object(tmp_path / "alone.so", Abi.AARCH64)
    assert sorted(parse_build([str(alone)], "candidate").files) == [Abi.AARCH64, Abi.ARM64_V8A]


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ([], UserError, "no candidate was given"),
        (["/no/such/file"], MissingFile, "found nothing at /no/such/file"),
        (["arm64=/no/such/file"], UserError, "found 'arm64'"),
        (["aarch64=/no/such/file"], MissingFile, "found nothing at /no/such/file"),
        ([__file__], WrongAbi, "expected a shared object"),
    ],
)
def test_words_that_lead_nowhere(words: list[str], error: type[UserError], says: str) -> None:
    with pytest.raises(error, match=says):
        parse_build(words, "candidate")


def test_two_files_for_one_abi(tree: Path) -> None:
    with pytest.raises(UserError, match="expected one file for aarch64"):
        parse_build([str(tree / "liba.so"), str(tree / "libb.so")], "candidate")


def test_a_folder_without_the_library(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"expected libz\.so in .*, found liba\.so, .*libd\.so\.1"):
        parse_build([str(tree)], "candidate", "libz.so")
    with pytest.raises(MissingFile, match=r"found no lib\*\.so"):
        parse_build([str(tmp_path)], "candidate", "libz.so")
    with pytest.raises(MissingFile, match="expected one library"):
        parse_build([str(tree)], "candidate")


def test_a_toolchain_is_what_the_file_says(tree: Path) -> None:
    assert "clang" in parse_build([str(tree / "liba.so")], "candidate").bundle(Abi.AARCH64).toolchain


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_any_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(UserError):
        parse_build(["\N{SNOWMAN}" + word for word in words], "candidate")
