"""Kernel libraries that anybody can fetch: to test, and to be compared with. Each is laid out as a build's folder.

Debian's come through apt (`debian`), others are taken out of wheels, which pip fetches and checks by their digests.
Everything lies in the user's cache; nothing is installed.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zipfile import ZipFile

from platformdirs import user_cache_path

from ontarget.device_farm import debian
from ontarget.device_farm.errors import NoSuchLibrary
from ontarget.device_farm.locks import Progress, exclusive, unheard
from ontarget.harness.abi import Abi
from ontarget.harness.errors import InfraError

DEBIAN_ARCHITECTURES: Mapping[Abi, str] = {Abi.X86_64: "amd64", Abi.AARCH64: "arm64"}


@dataclass(frozen=True)
class Wheel:
    """A wheel on PyPI: its pinned version, its digests by ABI, the shared objects that are taken out of it.

    `links` are the further names by which they are found: a binding looks for the library's usual one.
    """

    project: str
    version: str
    digests: Mapping[Abi, str]
    files: tuple[str, ...]
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Library:
    """A library by the name that people type; `binding` says how its functions are called."""

    name: str
    binding: str
    about: str
    fetch: Callable[[Abi, Progress], Path]


_EXECUTORCH = Wheel(
    "executorch",
    "1.5.1",
    {
        Abi.X86_64: "274c28c2fe2b76acb03f9fa381537425c40e0098dcf886baf6d97a1a55ffe300",
        Abi.AARCH64: "8ee02348a3ea80ddf770822911ebf78da616b73afce0fbaaa79f23311c88c66a",
    },
    tuple(f"executorch/lib/libexecutorch{part}.so" for part in ("", "_threadpool", "_backend_xnnpack")),
    {"libXNNPACK.so.0": "libexecutorch_backend_xnnpack.so"},
)
_PYTHON = "3.11"  # whose wheel is taken, whatever runs here: the shared objects in all of them are the same
_PLATFORM = "manylinux_2_28"


def fetch(name: str, abi: Abi, *, progress: Progress = unheard) -> Path:
    """The folder of a library for an ABI, never to be changed. Raises NoSuchLibrary, InfraError."""
    library = LIBRARIES.get(name)
    if library is None:
        raise NoSuchLibrary(f"no library {name!r} is known; there are {', '.join(LIBRARIES)}")
    if abi not in DEBIAN_ARCHITECTURES:
        raise NoSuchLibrary(f"{name} is there for {' and '.join(DEBIAN_ARCHITECTURES)}, not for {abi}")
    return library.fetch(abi, progress)


def from_debian(package: str, abi: Abi, progress: Progress) -> Path:
    """The shared objects of a Debian package and of what it needs. Raises InfraError."""
    return debian.libraries(package, DEBIAN_ARCHITECTURES[abi], progress=progress)


def from_wheel(wheel: Wheel, abi: Abi, progress: Progress, *, cache: Path | None = None) -> Path:
    """The shared objects of a wheel. Raises InfraError."""
    digest = wheel.digests[abi]
    folder = (cache or user_cache_path("ontarget") / "libraries") / f"{wheel.project}-{wheel.version}-{digest[:12]}"
    with exclusive(folder.parent / ".lock", waiting=lambda: progress(f"waiting for another run that fetches {folder}")):
        if not folder.is_dir():
            progress(f"fetching {wheel.project} {wheel.version} for {abi}")
            making = debian.emptied(folder.parent / ".unpacking")
            packed = making / "wheel"
            _download(wheel, abi, digest, packed)
            _unpack(wheel, next(packed.glob("*.whl")), making)
            shutil.rmtree(packed)
            making.rename(folder)
    return folder


def _download(wheel: Wheel, abi: Abi, digest: str, into: Path) -> None:
    into.mkdir()
    wanted = into / "requirements.txt"
    wanted.write_text(f"{wheel.project}=={wheel.version} --hash=sha256:{digest}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--python-version", _PYTHON, "--implementation", "cp", "--platform", f"{_PLATFORM}_{abi}"),
        *("--dest", str(into), "--requirement", str(wanted)),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired as expired:
        raise InfraError(f"pip had not fetched {wheel.project} after {expired.timeout:.0f} s; check the network") from (
            expired
        )
    if done.returncode != 0:
        raise InfraError(
            f"pip could not fetch {wheel.project} {wheel.version} for {abi} (status {done.returncode}): "
            f"{done.stderr.strip()[-1500:]}\nCheck that this Python has pip, and that pip reaches its index"
        )


def _unpack(wheel: Wheel, packed: Path, into: Path) -> None:
    with ZipFile(packed) as files:
        for name in wheel.files:
            with files.open(name) as source, (into / Path(name).name).open("wb") as target:
                shutil.copyfileobj(source, target)
    for link, target_name in wheel.links.items():
        (into / link).symlink_to(target_name)


LIBRARIES: Mapping[str, Library] = {
    library.name: library
    for library in (
        Library(
            "xnnpack-2022",
            "xnnpack",
            "XNNPACK of February 2022: Debian's libxnnpack0",
            partial(from_debian, "libxnnpack0"),
        ),
        Library(
            "xnnpack-2026",
            "xnnpack",
            f"XNNPACK of 2026: taken out of the wheel of executorch {_EXECUTORCH.version}",
            partial(from_wheel, _EXECUTORCH),
        ),
        Library("onednn", "onednn", "oneDNN 2.6: Debian's libdnnl2, with OpenMP", partial(from_debian, "libdnnl2")),
    )
}
