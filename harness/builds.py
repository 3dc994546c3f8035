"""Builds of the library under test, as `--candidate` and `--baseline` name them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ontarget.harness import elf
from ontarget.harness.abi import Abi
from ontarget.harness.elf import ElfFacts
from ontarget.harness.errors import MissingFile, UserError, WrongAbi

# They belong to the device's own loader and never travel: another build of them would not even start.
_OF_THE_SYSTEM: Final = frozenset(
    (
        *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2"),
        *("libc.so", "libm.so", "libdl.so", "liblog.so", "libandroid.so"),
        # loaders of what computes beside the CPU, whose drivers are the device's
        *("libOpenCL.so.1", "libOpenCL.so", "libvulkan.so.1", "libvulkan.so", "libcuda.so.1"),
        *("libcdsprpc.so", "libadsprpc.so"),
    )
)


@dataclass(frozen=True)
class SharedObject:
    """A file that travels to a device, where it is called `name`: what others say that they need."""

    path: Path
    name: str


@dataclass(frozen=True)
class Bundle:
    """A library with what it needs of its neighbours, in the order of loading: each after what it needs itself.

    `elsewhere` are the names that it needs and that must be on the device. `toolchain` is what compiled and linked the
    library, "" where the file does not say.
    """

    abi: Abi
    library: SharedObject
    dependencies: tuple[SharedObject, ...]
    elsewhere: tuple[str, ...]
    toolchain: str


@dataclass(frozen=True)
class Build:
    """One build of the library, or of a `program`, for one or more ABIs. `label` is "candidate" or "baseline"."""

    label: str
    files: Mapping[Abi, Path]
    program: bool = False

    def bundle(self, abi: Abi, *, device: str | None = None) -> Bundle:
        """The files for one ABI. Raises MissingFile, WrongAbi."""
        path = self.files.get(abi)
        if path is None:
            given = ", ".join(f"{name} ({path})" for name, path in sorted(self.files.items()))
            raise MissingFile(
                f"expected a {self.label} built for {abi}, given are only: {given}. Add `--{self.label} {abi}=PATH`",
                device=device,
            )
        facts = elf.read(path, program=self.program)
        dependencies, elsewhere = _gather(facts, abi)
        return Bundle(
            abi, SharedObject(path, facts.soname or path.name), dependencies, elsewhere, "; ".join(facts.compilers)
        )


def parse_build(words: Sequence[str], label: str, soname: str | None = None, *, program: bool = False) -> Build:
    """Read the words of `--candidate` or `--baseline`: PATH or ABI=PATH each, a path naming a file or a folder.

    From a folder the library called `soname` is taken, or the `program` of that name.
    Raises MissingFile, WrongAbi, UserError.
    """
    if not words:
        raise UserError(f"no {label} was given: expected --{label} [ABI=]PATH")
    files: dict[Abi, Path] = {}
    for word in words:
        wanted, path = _split(word, label)
        library = _program(path, label, soname) if program else _library(path, label, soname)
        for abi in _abis(library, wanted, label, program):
            if abi in files and files[abi] != library:
                raise UserError(f"--{label}: expected one file for {abi}, found {files[abi]} and {library}")
            files[abi] = library
    return Build(label, files, program)


def _split(word: str, label: str) -> tuple[Abi | None, Path]:
    name, separator, rest = word.partition("=")
    if separator and name in Abi.__members__.values():
        return Abi(name), Path(rest).expanduser()
    path = Path(word).expanduser()
    if separator and not path.exists() and "/" not in name:
        raise UserError(f"--{label} {word}: expected an ABI before the =, one of {', '.join(Abi)}, found {name!r}")
    return None, path


def _library(path: Path, label: str, soname: str | None) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise MissingFile(f"--{label}: expected a library or a folder with one, found nothing at {path}")
    if soname is not None:
        named = path / soname
        found = [named] if named.is_file() else _called(path, soname)
        wanted = soname
    else:
        found = _libraries(path)
        wanted = "one library, lib*.so"
    files = {library.resolve(): library for library in found}
    if len(files) != 1:
        there = ", ".join(sorted(library.name for library in _libraries(path))) or "no lib*.so*"
        raise MissingFile(f"--{label}: expected {wanted} in {path}, found {there}. Name the file itself")
    return next(iter(files.values()))


def _program(path: Path, label: str, name: str | None) -> Path:
    found = path if name is None or path.is_file() else path / name
    if found.is_file():
        return found
    wanted = "a program" if name is None else f"a program called {name}"
    there = ", ".join(sorted(file.name for file in path.iterdir() if file.is_file())) if path.is_dir() else "nothing"
    raise MissingFile(
        f"--{label}: expected {wanted} at {path}, found {there or 'an empty folder'}. Name the file itself"
    )


def _libraries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("lib*.so*") if path.is_file())


def _called(folder: Path, soname: str) -> list[Path]:
    """The libraries whose own name is `soname`: a folder that lost its symbolic links has no file of that name."""
    found = []
    for path in _libraries(folder):
        try:
            facts = elf.read(path)
        except WrongAbi:  # a linker script, or debug data: no library
            continue
        if facts.soname == soname:
            found.append(path)
    return found


def _abis(library: Path, wanted: Abi | None, label: str, program: bool = False) -> tuple[Abi, ...]:
    facts = elf.read(library, program=program)
    if program and facts.soname is not None:
        raise WrongAbi(f"--{label} {library}: expected a program, found the shared library {facts.soname}")
    if wanted is None:
        if not facts.abis:
            raise WrongAbi(
                f"--{label} {library}: expected a library for one of {', '.join(Abi)}, found one for {facts.machine}"
            )
        return facts.abis
    if wanted not in facts.abis:
        raise WrongAbi(
            f"--{label} {wanted}={library}: expected a library for {wanted}, found one for "
            f"{' or '.join(facts.abis) or facts.machine}"
        )
    return (wanted,)


def _gather(library: ElfFacts, abi: Abi) -> tuple[tuple[SharedObject, ...], tuple[str, ...]]:
    """What the library needs, itself left out: what travels, in the order of loading, and what does not."""
    folders = tuple(dict.fromkeys((library.path.parent, library.path.resolve().parent)))
    order: list[SharedObject] = []
    elsewhere: list[str] = []
    seen = {library.soname or library.path.name}

    def visit(facts: ElfFacts) -> None:
        for name in facts.needed:
            if name in seen:
                continue
            seen.add(name)
            path = None if _of_the_system(name) else _neighbour(folders, name)
            if path is None:
                elsewhere.append(name)
                continue
            found = elf.read(path)
            if abi not in found.abis:
                raise WrongAbi(
                    f"{facts.path} needs {name}: expected it for {abi}, found {path} for "
                    f"{' or '.join(found.abis) or found.machine}"
                )
            visit(found)
            order.append(SharedObject(path, name))

    visit(library)
    return tuple(order), tuple(elsewhere)


def _neighbour(folders: Sequence[Path], name: str) -> Path | None:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    return next((path for folder in folders for path in _called(folder, name)), None)


def _of_the_system(name: str) -> bool:
    return name in _OF_THE_SYSTEM or name.startswith(("ld-linux", "ld-android"))
