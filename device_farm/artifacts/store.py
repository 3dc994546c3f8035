"""The store of builds: each file once, by its SHA-256; a manifest for each commit and ABI.

builds/<commit>/<abi>.json      written last: what it names is there
objects/<2 digits>/<sha256>
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ontarget.device_farm.artifacts.adding import LocalBuild
from ontarget.device_farm.artifacts.files import Files
from ontarget.device_farm.artifacts.manifest import COMMIT, Manifest, StoredFile, parse
from ontarget.device_farm.errors import ArtifactDamaged, ArtifactDiffers, NoSuchArtifact
from ontarget.device_farm.times import rfc3339
from ontarget.harness import elf
from ontarget.harness.abi import Abi
from ontarget.harness.errors import MissingFile

_NEWEST: Final = 5
_SHORTEST: Final = 4  # of a commit's name, as git has it


class ArtifactStore:
    """`name` is its address as it may be shown. Every method raises StoreFailed where the store does not answer."""

    def __init__(self, address: str, *, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970. Raises UserError for an address that means nothing, MissingExtra."""
        self._files = Files(address)
        self._clock = clock

    @property
    def name(self) -> str:
        return self._files.name

    def add(self, commit: str, build: LocalBuild, *, replace: bool = False) -> Manifest:
        """Keep the files as the build of `commit` (its whole name) for their ABI; the same again changes nothing.

        Raises ArtifactDiffers if another build is there and `replace` is not set, MissingFile.
        """
        made = Manifest(
            commit=commit,
            abi=build.abi,
            library=build.library,
            added=rfc3339(self._clock()),
            files=tuple(_described(name, path) for name, path in sorted(build.files.items())),
        )
        if not replace:
            known = self.manifest(commit, build.abi)
            if known is not None and not known.same_build(made):
                raise ArtifactDiffers(
                    f"{commit[:12]} for {build.abi} is in {self.name} already, and is another build: "
                    f"{_differing(known, made)}. Keep it, or overwrite it with --replace"
                )
            if known is not None and all(self._files.size(_object(file.sha256)) == file.size for file in known.files):
                return known
        for file in made.files:
            place = _object(file.sha256)
            if replace or self._files.size(place) != file.size:
                self._files.write(place, build.files[file.name])
        self._files.write(_manifest(commit, build.abi), made.model_dump_json(indent=1).encode())
        return made

    def manifest(self, commit: str, abi: Abi) -> Manifest | None:
        """What is kept of a commit (its whole name) for an ABI. Raises ArtifactDamaged."""
        place = _manifest(commit, abi)
        text = self._files.read(place)
        return None if text is None else parse(text, f"{self.name}: {place}", commit, abi)

    def abis(self, commit: str) -> list[Abi]:
        """The ABIs that a commit has a build for."""
        names = self._files.folder(f"builds/{commit}")
        return [abi for abi in Abi if f"{abi}.json" in names]

    def commits(self) -> list[str]:
        """The whole names of all commits with a build, sorted."""
        return [name for name in self._files.folder("builds") if COMMIT.fullmatch(name)]

    def manifests(self, commit: str | None = None) -> list[Manifest]:
        """All builds, or those of a commit: the newest first. Raises ArtifactDamaged."""
        commits = self.commits() if commit is None else [commit]
        found = [self.manifest(one, abi) for one in commits for abi in self.abis(one)]
        return sorted((one for one in found if one is not None), key=lambda one: (one.added, one.commit), reverse=True)

    def find(self, words: str, resolve: Callable[[str], str | None]) -> str:
        """The whole name of the commit that `words` mean; `resolve` asks git. Raises NoSuchArtifact."""
        low = words.lower()
        whole = low if COMMIT.fullmatch(low) else resolve(words)
        if whole is None and len(low) >= _SHORTEST and not set(low) - set("0123456789abcdef"):
            matching = [commit for commit in self.commits() if commit.startswith(low)]
            if len(matching) > 1:
                raise NoSuchArtifact(f"commit:{words} may be {' or '.join(matching)}: give more of its name")
            whole = matching[0] if matching else None
        if whole is None:
            raise NoSuchArtifact(
                f"commit:{words}: expected a commit of the repository here, or one with a build in {self.name}; "
                f"{self._there()}"
            )
        return whole

    def require(self, commit: str, abi: Abi, *, device: str | None = None) -> Manifest:
        """What is kept of a commit for an ABI. Raises NoSuchArtifact, which says what to do, and ArtifactDamaged."""
        found = self.manifest(commit, abi)
        if found is None:
            others = ", ".join(self.abis(commit))
            what = f"only for {others}" if others else f"none; {self._there()}"
            raise NoSuchArtifact(
                f"expected a build of {commit[:12]} for {abi} in {self.name}, found {what}. "
                f"Add it: ontarget artifact add {commit[:12]} {abi}=PATH",
                device=device,
            )
        return found

    @contextmanager
    def fetched(self, manifest: Manifest, beside: Path) -> Iterator[Path]:
        """A folder beside the path with the manifest's files, each digest verified; removed unless it is moved away.

        Raises ArtifactDamaged.
        """
        beside.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=beside.parent, prefix=".fetching.", ignore_cleanup_errors=True) as made:
            folder = Path(made) / "files"
            folder.mkdir()
            for file in manifest.files:
                self._fetch(manifest, file, folder / file.name)
            yield folder

    def _fetch(self, manifest: Manifest, file: StoredFile, target: Path) -> None:
        place = _object(file.sha256)
        what = f"{self.name}: {file.name} of {manifest.commit[:12]} for {manifest.abi} ({place})"
        with target.open("xb") as stream:
            found = self._files.fetch(place, stream)
            stream.flush()
            os.fsync(stream.fileno())
        again = "Add the build again with --replace"
        if not found:
            raise ArtifactDamaged(f"{what}: expected a file of {file.size} bytes, found none. {again}")
        with target.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != file.sha256:
            raise ArtifactDamaged(f"{what}: expected SHA-256 {file.sha256}, found {digest}. {again}")

    def _there(self) -> str:
        newest = [f"{one.commit[:12]} ({one.abi})" for one in self.manifests()[:_NEWEST]]
        return f"the newest there are {', '.join(newest)}" if newest else "it is empty"


def _described(name: str, path: Path) -> StoredFile:
    facts = elf.read(path)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        raise MissingFile(f"cannot read {path}: {error.strerror}") from error
    return StoredFile(
        name=name,
        sha256=digest,
        size=size,
        soname=facts.soname,
        toolchain="; ".join(facts.compilers),
        build_id=facts.build_id,
    )


def _differing(known: Manifest, made: Manifest) -> str:
    ours, theirs = made.contents(), known.contents()
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            told = [f"{digest[:12]}" if digest else "no such file" for digest in (theirs.get(name), ours.get(name))]
            return f"{name} is {told[0]} there and {told[1]} here"
    return f"its library is {known.library} there and {made.library} here"


def _object(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _manifest(commit: str, abi: Abi) -> str:
    return f"builds/{commit}/{abi}.json"
