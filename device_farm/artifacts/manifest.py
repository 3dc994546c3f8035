"""What the store knows of one commit's build for one ABI. A name in it is a plain file name, whoever wrote it."""

import re
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ontarget.device_farm.errors import ArtifactDamaged
from ontarget.harness.abi import Abi

VERSION: Final = 1
COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def _plain_name(name: str) -> str:
    """Refuse whatever could lead out of a folder."""
    if name in ("", ".", "..") or Path(name).name != name or "\\" in name or not name.isprintable():
        raise ValueError("a plain file name is expected")
    return name


FileName = Annotated[str, Field(max_length=255), AfterValidator(_plain_name)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class StoredFile(_Frozen):
    """One file of a build: its SHA-256, its size in bytes, and what its ELF header says of it."""

    name: FileName
    sha256: Digest
    size: Annotated[int, Field(ge=0)]
    soname: str | None = None
    toolchain: str = ""
    build_id: str | None = None


class Manifest(_Frozen):
    """A build: `library` is the file to load, None for a folder of several, where the binding says which.

    `added` is in RFC 3339; it is no part of what tells two builds apart.
    """

    version: int = VERSION
    commit: Annotated[str, Field(pattern=f"^{COMMIT.pattern}$")]
    abi: Abi
    library: FileName | None
    added: str
    files: Annotated[tuple[StoredFile, ...], Field(min_length=1)]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def toolchain(self) -> str:
        """What compiled the library; of a folder of several, all that differ."""
        of_library = [file.toolchain for file in self.files if self.library in (None, file.name)]
        return "; ".join(dict.fromkeys(toolchain for toolchain in of_library if toolchain))

    def same_build(self, other: "Manifest") -> bool:
        """Whether both are the same files under the same names."""
        return (self.library, self.contents()) == (other.library, other.contents())

    def contents(self) -> dict[str, str]:
        """Digests by name."""
        return {file.name: file.sha256 for file in self.files}

    def to_json(self) -> dict[str, Any]:
        return {**self.model_dump(mode="json"), "size": self.size, "toolchain": self.toolchain}


def parse(text: bytes, where: str, commit: str, abi: str) -> Manifest:
    """Read what `where` holds. Raises ArtifactDamaged for what is no manifest of this commit and ABI."""
    try:
        found = Manifest.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=True)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise ArtifactDamaged(
            f"{where}: expected the manifest of a build, found {place or 'it'} = {str(problem['input'])[:80]!r} "
            f"({problem['msg']}). Add the build again with --replace"
        ) from error
    if found.version != VERSION:
        raise ArtifactDamaged(
            f"{where}: expected a manifest of version {VERSION}, found {found.version}: use the ontarget that it is for"
        )
    if (found.commit, found.abi) != (commit, abi):
        raise ArtifactDamaged(
            f"{where}: expected the manifest of {commit} for {abi}, found that of {found.commit} for "
            f"{found.abi}. Add the build again with --replace"
        )
    return found
