"""What a shared object's ELF file says of itself. The only module that imports pyelftools."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.sections import NoteSection, Section, SymbolTableSection
from elftools.elf.segments import InterpSegment

from ontarget.harness.abi import Abi
from ontarget.harness.errors import MissingFile, WrongAbi

# ELF for the Arm architecture, table 4-2: which registers carry floating-point arguments.
_ARM_HARD_FLOAT: Final = 0x400
_ARM_SOFT_FLOAT: Final = 0x200
# Libraries that only one of the two systems has by these names.
_OF_ANDROID: Final = frozenset(("libc.so", "liblog.so", "libandroid.so"))
_OF_LINUX: Final = frozenset(
    ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1")
)
# What no system's pages exceed; an alignment of 0 or 1 asks for nothing (ELF, program header).
_PAGE_MOST: Final = 1 << 16


@dataclass(frozen=True)
class ElfFacts:
    """Facts of one shared object.

    `abis` are all that fit: Linux and Android share machine numbers, and a library that needs nothing tells them
    apart by nothing. `compilers` are the strings of `.comment`, sorted, each once. `page_size` is that of the largest
    pages, in bytes, with which a loader can map it: the smallest alignment of a segment that is loaded.
    """

    path: Path
    abis: tuple[Abi, ...]
    machine: str
    soname: str | None
    needed: tuple[str, ...]
    interpreter: str | None
    compilers: tuple[str, ...]
    build_id: str | None
    page_size: int


def read(path: Path, *, program: bool = False) -> ElfFacts:
    """Read a shared object's facts, or a program's.

    Raises MissingFile, and WrongAbi for a file that is no ELF file, a damaged one, or neither of them.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise MissingFile(f"cannot read {path}: {error.strerror}") from error
    return _read(path, program, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


@lru_cache(maxsize=256)  # a run asks for each library once per device
def _read(path: Path, program: bool, *_state: int) -> ElfFacts:
    with _opened(path) as stream:
        if stream.read(4) != b"\x7fELF":
            stream.seek(0)
            raise WrongAbi(f"{path}: expected a shared object (ELF), found a file that begins with {stream.read(16)!r}")
        stream.seek(0)
        with _damage_told(path):
            return _facts(path, ELFFile(stream), program)


def exported(path: Path) -> frozenset[str]:
    """The names of the functions and objects that a shared object offers. Raises MissingFile, WrongAbi."""
    with _opened(path) as stream, _damage_told(path):
        table = ELFFile(stream).get_section_by_name(".dynsym")
        if not isinstance(table, SymbolTableSection):
            return frozenset()
        return frozenset(
            symbol.name
            for symbol in table.iter_symbols()
            if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] != "STB_LOCAL"
        )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise MissingFile(f"cannot read {path}: {error.strerror}") from error
    with stream:
        yield stream


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except WrongAbi:
        raise
    except Exception as error:  # pyelftools meets damage with whatever it stumbles over
        raise WrongAbi(
            f"{path}: expected a whole shared object, found a damaged ELF file ({type(error).__name__}: {error})"
        ) from error


def _facts(path: Path, elf: ELFFile, program: bool) -> ElfFacts:
    if elf["e_type"] != "ET_DYN" and not (program and elf["e_type"] == "ET_EXEC"):
        raise WrongAbi(
            f"{path}: expected a {'program' if program else 'shared object'}, found an ELF file of type {elf['e_type']}"
        )
    sections = list(elf.iter_sections())
    soname: str | None = None
    needed: list[str] = []
    for section in sections:
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags():
                if tag.entry.d_tag == "DT_SONAME":
                    soname = str(tag.soname)  # type: ignore[attr-defined]  # set as the tag is read
                elif tag.entry.d_tag == "DT_NEEDED":
                    needed.append(str(tag.needed))  # type: ignore[attr-defined]  # likewise
    interpreter = next(
        (segment.get_interp_name() for segment in elf.iter_segments() if isinstance(segment, InterpSegment)), None
    )
    android = _is_android(sections, interpreter, needed)
    return ElfFacts(
        path=path,
        abis=tuple(abi for abi in Abi if _fits(abi, elf) and android in (None, abi.android)),
        machine=f"{elf['e_machine']}, {elf.elfclass} bit, {'little' if elf.little_endian else 'big'}-endian",
        soname=soname,
        needed=tuple(needed),
        interpreter=interpreter,
        compilers=_compilers(sections),
        build_id=_build_id(sections),
        page_size=_page_size(elf),
    )


def _fits(abi: Abi, elf: ELFFile) -> bool:
    elf.stream.seek(18)  # e_machine, at the same place in both classes
    machine = int.from_bytes(elf.stream.read(2), "little")
    if not elf.little_endian or (abi.elf.machine, abi.elf.bits) != (machine, elf.elfclass):
        return False
    other_floats = {Abi.ARMHF: _ARM_SOFT_FLOAT, Abi.ARMEABI_V7A: _ARM_HARD_FLOAT}
    return not elf["e_flags"] & other_floats.get(abi, 0)


def _is_android(sections: Sequence[Section], interpreter: str | None, needed: Sequence[str]) -> bool | None:
    """Whether the object is for Android's libc; None where nothing tells."""
    if interpreter is not None:
        return interpreter.startswith("/system/")
    if not _OF_ANDROID.isdisjoint(needed):
        return True
    if not _OF_LINUX.isdisjoint(needed):
        return False
    if any(section.name == ".note.android.ident" for section in sections):
        return True
    versions = (
        version.name
        for section in sections
        if isinstance(section, GNUVerNeedSection)
        for _, auxiliaries in section.iter_versions()
        for version in auxiliaries
    )
    return False if any(version.startswith("GLIBC_") for version in versions) else None


def _page_size(elf: ELFFile) -> int:
    asked = [segment["p_align"] for segment in elf.iter_segments(type="PT_LOAD") if segment["p_memsz"]]
    return min((align for align in asked if align > 1), default=_PAGE_MOST)


def _compilers(sections: Sequence[Section]) -> tuple[str, ...]:
    texts = [section.data().decode("utf-8", "replace") for section in sections if section.name == ".comment"]
    return tuple(sorted({word.strip() for text in texts for word in text.split("\0") if word.strip()}))


def _build_id(sections: Sequence[Section]) -> str | None:
    for section in sections:
        if isinstance(section, NoteSection):
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return str(note["n_desc"])
    return None
