"""Libraries whose segments fit a device's pages, and such whose do not."""

import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from ontarget.harness import elf, pages
from ontarget.harness.abi import Abi
from ontarget.harness.agent.build import SOURCES
from ontarget.harness.builds import Build, Bundle, parse_build
from ontarget.harness.errors import WrongAbi
from support.shared_objects import shared_object


def bundle(folder: Path, abi: Abi, page_size: int) -> Bundle:
    flags = [f"-Wl,-z,max-page-size={page_size}"]
    libc = shared_object(folder / "libc.so", abi, soname="libc.so", flags=flags)
    needs = [libc] if abi.android else []
    source = "int x = 1; int *f(void) { return &x; }"
    path = shared_object(folder / "libx.so", abi, needs=needs, source=source, flags=flags)
    assert elf.read(path).page_size == page_size
    return Build("candidate", {abi: path}).bundle(abi)


def test_a_library_for_16_kib_pages_fits_all_phones(tmp_path: Path) -> None:
    made = bundle(tmp_path, Abi.ARM64_V8A, 16384)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pages.check(made, 4096, device="phone-7")
        pages.check(made, 16384, device="phone-7")


def test_a_library_for_4_kib_pages_is_told_before_it_fails_on_other_phones(tmp_path: Path) -> None:
    made = bundle(tmp_path, Abi.ARM64_V8A, 4096)
    with pytest.warns(pages.SmallPages, match=r"libx\.so: .*4096 bytes.*loads on phone-7.*max-page-size=16384"):
        pages.check(made, 4096, device="phone-7")
    with pytest.raises(WrongAbi, match=r"^phone-7: .*libx\.so: expected .*pages of 16384.*max-page-size=16384"):
        pages.check(made, 16384, device="phone-7")


def test_boards_are_held_to_their_own_pages_only(tmp_path: Path) -> None:
    made = bundle(tmp_path, Abi.AARCH64, 4096)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pages.check(made, 4096, device="pi")
    with pytest.raises(WrongAbi, match=r"^pi: .*pages of 65536.*max-page-size=65536"):
        pages.check(made, 65536, device="pi")


def test_a_library_for_linux_is_none_for_a_phone(tmp_path: Path) -> None:
    """As Linux's C++ library is needed by name, the phone's loader would not find it."""
    libcpp = shared_object(tmp_path / "libstdc++.so.6", Abi.AARCH64, soname="libstdc++.so.6")
    path = shared_object(tmp_path / "libx.so", Abi.AARCH64, needs=[libcpp])
    assert elf.read(path).abis == (Abi.AARCH64,)
    with pytest.raises(WrongAbi, match="expected a library for arm64-v8a, found one for aarch64"):
        parse_build([f"arm64-v8a={path}"], "candidate")


def test_the_agent_is_linked_for_16_kib_pages_where_it_is_for_android(tmp_path: Path) -> None:
    """By this machine's compiler, which stands in for the NDK's: of that only the switch is tried."""
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("needs cmake: install the Debian package cmake (see ci/system-packages)")
    commands = [[cmake, "-S", str(SOURCES), "-B", str(tmp_path), "-DANDROID=ON"], [cmake, "--build", str(tmp_path)]]
    for command in commands:
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert elf.read(tmp_path / "ontarget-agent", program=True).page_size == 16384
