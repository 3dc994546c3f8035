"""What a shared object's ELF file says of itself. The only module that imports pyelftools."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.sections import NoteSection, SymbolTableSection
from elftools.elf.segments import InterpSegment

from ontarget.harness.abi import Abi
from ontarget.harness.errors import MissingFile, WrongAbi

# ELF for the Arm architecture, table 4-2: which registers carry floating-point arguments.
_ARM_HARD_FLOAT: Final = 0x400
_ARM_SOFT_FLOAT: Final = 0x200


@dataclass(frozen=True)
class ElfFacts:
    """Facts of one shared object.

    `abis` are all that fit: Linux and Android share machine numbers, and a library that needs nothing tells them
    apart by nothing. `compilers` are the strings of `.comment`, sorted, each once.
    """

    path: Path
    abis: tuple[Abi, ...]
    machine: str
    soname: str | None
    needed: tuple[str, ...]
    interpreter: str | None
    compilers: tuple[str, ...]
    build_id: str | None


def read(path: Path) -> ElfFacts:
    """Read a shared object's facts.

    Raises MissingFile, and WrongAbi for a file that is no ELF file, a damaged one, or no shared object.
    """
    with _opened(path) as stream:
        if stream.read(4) != b"\x7fELF":
            stream.seek(0)
            raise WrongAbi(f"{path}: expected a shared object (ELF), found a file that begins with {stream.read(16)!r}")
        stream.seek(0)
        with _damage_told(path):
            return _facts(path, ELFFile(stream))


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


def _facts(path: Path, elf: ELFFile) -> ElfFacts:
    if elf["e_type"] != "ET_DYN":
        raise WrongAbi(f"{path}: expected a shared object, found an ELF file of type {elf['e_type']}")
    soname: str | None = None
    needed: list[str] = []
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags():
                if tag.entry.d_tag == "DT_SONAME":
                    soname = str(tag.soname)  # type: ignore[attr-defined]  # set as the tag is read
                elif tag.entry.d_tag == "DT_NEEDED":
                    needed.append(str(tag.needed))  # type: ignore[attr-defined]  # likewise
    interpreter = next(
        (segment.get_interp_name() for segment in elf.iter_segments() if isinstance(segment, InterpSegment)), None
    )
    return ElfFacts(
        path=path,
        abis=_abis(elf, interpreter, needed),
        machine=f"{elf['e_machine']}, {elf.elfclass} bit, {'little' if elf.little_endian else 'big'}-endian",
        soname=soname,
        needed=tuple(needed),
        interpreter=interpreter,
        compilers=_compilers(elf),
        build_id=_build_id(elf),
    )


def _abis(elf: ELFFile, interpreter: str | None, needed: list[str]) -> tuple[Abi, ...]:
    if not elf.little_endian:
        return ()
    fitting = [abi for abi in Abi if abi.elf.machine == _machine_number(elf) and abi.elf.bits == elf.elfclass]
    android = _is_android(elf, interpreter, needed)
    if android is not None:
        fitting = [abi for abi in fitting if abi.android == android]
    return tuple(abi for abi in fitting if _float_fits(abi, elf["e_flags"]))


def _machine_number(elf: ELFFile) -> int:
    elf.stream.seek(18)  # e_machine, at the same place in both classes
    return int.from_bytes(elf.stream.read(2), "little")


def _is_android(elf: ELFFile, interpreter: str | None, needed: list[str]) -> bool | None:
    """Whether the object is for Android's libc; None where nothing tells."""
    if interpreter is not None:
        return interpreter.startswith("/system/")
    if "libc.so" in needed:
        return True
    if "libc.so.6" in needed:
        return False
    sections = {section.name for section in elf.iter_sections()}
    if ".note.android.ident" in sections:
        return True
    versions = (
        version.name
        for section in elf.iter_sections()
        if isinstance(section, GNUVerNeedSection)
        for _, auxiliaries in section.iter_versions()
        for version in auxiliaries
    )
    return False if any(version.startswith("GLIBC_") for version in versions) else None


def _float_fits(abi: Abi, flags: int) -> bool:
    if abi is Abi.ARMHF:
        return not flags & _ARM_SOFT_FLOAT
    if abi is Abi.ARMEABI_V7A:
        return not flags & _ARM_HARD_FLOAT
    return True


def _compilers(elf: ELFFile) -> tuple[str, ...]:
    section = elf.get_section_by_name(".comment")
    if section is None:
        return ()
    words = section.data().decode("utf-8", "replace").split("\0")
    return tuple(sorted({word.strip() for word in words if word.strip()}))


def _build_id(elf: ELFFile) -> str | None:
    for section in elf.iter_sections():
        if isinstance(section, NoteSection):
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return str(note["n_desc"])
    return None
