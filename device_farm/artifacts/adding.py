"""Which files on disk make up a build: what `artifact add COMMIT [ABI=]PATH` means."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ontarget.harness import elf
from ontarget.harness.abi import Abi
from ontarget.harness.builds import parse_build
from ontarget.harness.errors import MissingFile, UserError, WrongAbi


@dataclass(frozen=True)
class LocalBuild:
    """Files for one ABI, by the names that they are to have; `library` is the one to load, None if that is open."""

    abi: Abi
    library: str | None
    files: dict[str, Path]


def gathered(words: Sequence[str]) -> list[LocalBuild]:
    """Read the words, PATH or ABI=PATH each: a library, which takes along what it needs of its neighbours, or a folder.

    Raises MissingFile, WrongAbi, UserError.
    """
    found: dict[Abi, LocalBuild] = {}
    for word in words:
        for build in _of_word(word):
            if build.abi in found:
                raise UserError(f"{word}: expected one build for {build.abi}, found two; write ABI=PATH for each")
            found[build.abi] = build
    return list(found.values())


def _of_word(word: str) -> list[LocalBuild]:
    name, separator, rest = word.partition("=")
    wanted = Abi(name) if separator and name in Abi.__members__.values() else None
    path = Path(rest if wanted is not None else word).expanduser()
    if path.is_dir():
        return _of_folder(path, wanted)
    build = parse_build([word], "build")
    found = []
    for abi in build.files:
        bundle = build.bundle(abi)
        objects = (bundle.library, *bundle.dependencies)
        found.append(LocalBuild(abi, bundle.library.name, {one.name: one.path for one in objects}))
    return found


def _of_folder(folder: Path, wanted: Abi | None) -> list[LocalBuild]:
    """All shared objects of a folder, symbolic links as the files that they name."""
    files: dict[str, Path] = {}
    fitting: set[Abi] | None = None
    for path in sorted(folder.glob("*.so*")):
        if not path.is_file():
            continue
        try:
            facts = elf.read(path)
        except WrongAbi:  # a linker script, or debug data: no library
            continue
        abis = set(facts.abis) if wanted is None else set(facts.abis) & {wanted}
        fitting = abis if fitting is None else fitting & abis
        if not fitting:
            raise WrongAbi(
                f"{path}: expected a library for {wanted or 'the ABI of its neighbours'}, found one for "
                f"{' or '.join(facts.abis) or facts.machine}"
            )
        files[path.name] = path
    if not files or fitting is None:
        raise MissingFile(f"expected a library or a folder with some, found no shared object (*.so*) in {folder}")
    distinct = {path.resolve() for path in files.values()}
    library = None
    if len(distinct) == 1:
        only = elf.read(next(iter(files.values())))
        library = only.soname if only.soname in files else next(iter(files))
    return [LocalBuild(abi, library, files) for abi in sorted(fitting)]
