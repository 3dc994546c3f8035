"""Facts of real shared objects, and files that are none."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontarget.harness import elf
from ontarget.harness.abi import Abi
from ontarget.harness.errors import MissingFile, WrongAbi
from support.c_libraries import compile_library
from support.shared_objects import shared_object


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elf")


@pytest.fixture(scope="module")
def library(folder: Path) -> Path:
    """Built by the machine's own compiler, as users' libraries are."""
    return compile_library("#include <stdlib.h>\nint twice(const char *x) { return 2 * atoi(x); }", folder, "own")


def test_facts_of_a_library_of_this_machine(library: Path) -> None:
    facts = elf.read(library)
    assert "libc.so.6" in facts.needed
    assert any("GCC" in compiler or "clang" in compiler for compiler in facts.compilers)
    assert len(facts.abis) == 1
    assert not facts.abis[0].android
    assert "twice" in elf.exported(library)
    assert "atoi" not in elf.exported(library)


@pytest.mark.parametrize("abi", list(Abi))
def test_an_abi_is_told_by_its_c_library(folder: Path, abi: Abi) -> None:
    name = "libc.so" if abi.android else "libc.so.6"
    libc = shared_object(folder / str(abi) / name, abi, soname=name)
    library = shared_object(folder / str(abi) / "libx.so", abi, soname="libx.so.1", needs=[libc])
    facts = elf.read(library)
    assert facts.abis == (abi,)
    assert facts.soname == "libx.so.1"
    assert facts.needed == (name,)


def test_a_library_that_needs_nothing_may_be_for_linux_or_android(folder: Path) -> None:
    library = shared_object(folder / "alone.so", Abi.AARCH64)
    assert elf.read(library).abis == (Abi.AARCH64, Abi.ARM64_V8A)
    assert elf.read(library).soname is None


def test_32_bit_arm_is_told_by_where_floats_are_passed(folder: Path) -> None:
    assert elf.read(shared_object(folder / "hard.so", Abi.ARMHF)).abis == (Abi.ARMHF,)
    assert elf.read(shared_object(folder / "soft.so", Abi.ARMEABI_V7A)).abis == (Abi.ARMEABI_V7A,)


def test_a_big_endian_library_fits_nothing(library: Path, tmp_path: Path) -> None:
    data = bytearray(shared_object(tmp_path / "little.so", Abi.AARCH64).read_bytes())
    data[4:6] = b"\x02\x02"
    damaged = tmp_path / "big.so"
    damaged.write_bytes(data)
    with pytest.raises(WrongAbi, match=str(damaged)):
        elf.read(damaged)
    assert elf.read(library).abis != ()


def test_a_program_is_no_library() -> None:
    with pytest.raises(WrongAbi, match="expected a shared object"):
        elf.read(Path(__file__))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="nothing-here"):
        elf.read(tmp_path / "nothing-here")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_ends_in_one_error_that_names_the_file(library: Path, data: st.DataObject) -> None:
    whole = library.read_bytes()
    damaged = bytearray(whole[: data.draw(st.integers(64, len(whole)), "length")])
    for _ in range(data.draw(st.integers(0, 8), "changes")):
        # Half of them in the header, where they do the most.
        last = data.draw(st.sampled_from([63, len(damaged) - 1]))
        damaged[data.draw(st.integers(4, last))] = data.draw(st.integers(0, 255))
    path = library.with_name("damaged.so")
    path.write_bytes(damaged)
    message = None
    try:
        elf.read(path)
        elf.exported(path)
    except WrongAbi as error:
        message = str(error)
    assert message is None or str(path) in message
