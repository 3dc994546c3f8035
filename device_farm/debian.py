"""Debian packages for any architecture, fetched and unpacked into a cache without touching the machine's own apt.

apt-get does the work, with package lists, status and cache of its own, the machine's sources and keyrings, and
signatures checked as always. No root is needed. Package lists are refreshed once a day; what has been fetched is there
offline too.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from platformdirs import user_cache_path

from ontarget.device_farm.locks import Progress, exclusive, unheard
from ontarget.harness.errors import InfraError

TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "armhf": "arm-linux-gnueabihf"}
LISTS_KEPT = 24 * 3600.0

_BASE = re.compile(r"libc6|libgcc-s1|gcc-\d+-base|libcrypt1|libstdc\+\+6")
_URI = re.compile(
    r"'(?P<uri>[^']+)' (?P<file>(?P<name>[^_ ]+)_(?P<version>[^_ ]+)_(?P<arch>[^_ ]+)\.deb) (?P<size>\d+)"
)
_SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
# Hooks of the machine's configuration clean or index the machine's own apt folders; they are not for us.
_CONFIGURATION = "".join(
    f"#clear {hook};\n"
    for hook in ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success", "DPkg")
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """One package file as apt names it; `size` in bytes."""

    name: str
    version: str
    architecture: str
    file: str
    size: int


def is_base(name: str) -> bool:
    """Whether every Debian device has this package: the C and C++ run-time libraries."""
    return _BASE.fullmatch(name) is not None


def parse_uris(text: str) -> tuple[Package, ...]:
    """The packages in the output of `apt-get --print-uris install`; lines that name none are passed over."""
    found = (_URI.match(line) for line in text.splitlines())
    return tuple(
        Package(match["name"], unquote(match["version"]), match["arch"], match["file"], int(match["size"]))
        for match in found
        if match
    )


def resolve(
    packages: Sequence[str], architecture: str, *, cache: Path | None = None, progress: Progress = unheard
) -> tuple[Package, ...]:
    """`packages` and all that they depend on (recommendations aside), in apt's order.

    Raises InfraError if apt is missing, offline with nothing cached, or knows no such package.
    """
    apt = _Apt(cache or user_cache_path("ontarget") / "debian", architecture, progress)
    with apt.locked():
        return apt.resolve(packages)


def fetch(
    packages: Sequence[str],
    architecture: str,
    *,
    keep: Callable[[str], bool] = lambda _name: True,
    cache: Path | None = None,
    progress: Progress = unheard,
) -> list[Path]:
    """Files of `packages` and of their dependencies, those whose name `keep` agrees to, fetched where not cached.

    Raises InfraError as `resolve` does, or if a download fails.
    """
    apt = _Apt(cache or user_cache_path("ontarget") / "debian", architecture, progress)
    with apt.locked():
        return apt.download([package for package in apt.resolve(packages) if keep(package.name)])


def extract(debs: Sequence[Path], into: Path) -> None:
    """Unpack the files of all `debs` into the folder `into`, which is made. Raises InfraError."""
    into.mkdir(parents=True, exist_ok=True)
    for deb in debs:
        _run(["dpkg-deb", "-x", str(deb), str(into)])


def emptied(folder: Path) -> Path:
    """`folder`, made anew: what a killed run left in it is gone. Only to be used under a lock."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def library_tree(package: str, architecture: str, *, cache: Path | None = None, progress: Progress = unheard) -> Path:
    """A folder with the files of `package` and of all that it depends on, base libraries aside; never to be changed.

    Shared objects are under `usr/lib/<triplet>` (`libraries` gives that), headers of a -dev package under
    `usr/include`. The folder's name changes with any version in it. Raises InfraError.
    """
    cache = cache or user_cache_path("ontarget") / "debian"
    debs = fetch([package], architecture, keep=lambda name: not is_base(name), cache=cache, progress=progress)
    version = next(deb.stem for deb in debs if deb.name.startswith(f"{package}_"))
    digest = hashlib.sha256("\n".join(sorted(deb.name for deb in debs)).encode()).hexdigest()
    tree = cache / "trees" / f"{version}-{digest[:12]}"
    with exclusive(cache / "trees" / ".lock"):
        if not tree.is_dir():
            unpacking = emptied(tree.parent / ".unpacking")
            extract(debs, unpacking)
            unpacking.rename(tree)
    return tree


def libraries(package: str, architecture: str, *, cache: Path | None = None, progress: Progress = unheard) -> Path:
    """The folder with the shared objects of `library_tree`. Raises InfraError."""
    tree = library_tree(package, architecture, cache=cache, progress=progress)
    return tree / "usr" / "lib" / TRIPLETS[architecture]


class _Apt:
    """apt-get for one architecture, in folders of its own; used under `locked`."""

    def __init__(self, cache: Path, architecture: str, progress: Progress) -> None:
        if architecture not in TRIPLETS:
            raise InfraError(
                f"Debian architecture {architecture!r} is not known; expected one of {', '.join(TRIPLETS)}"
            )
        self.architecture = architecture
        self.progress = progress
        self.packages = cache / "packages"
        self.home = cache / f"apt-{architecture}"
        self.stamp = self.home / "refreshed"

    def locked(self) -> AbstractContextManager[None]:
        def waiting() -> None:
            self.progress(f"waiting for another run that fetches {self.architecture} packages")

        return exclusive(self.home / "lock", waiting=waiting)

    def resolve(self, packages: Sequence[str]) -> tuple[Package, ...]:
        request = hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest()[:16]
        record = self.home / "resolved" / f"{request}.json"
        refresh_failed = self._refresh() if self._stale() else None
        if record.is_file() and (refresh_failed or record.stat().st_mtime >= self.stamp.stat().st_mtime):
            if refresh_failed:
                log.warning("package lists are old, used all the same: %s", refresh_failed)
            return tuple(Package(**fields) for fields in json.loads(record.read_text()))
        if refresh_failed:
            raise refresh_failed
        found = parse_uris(self._apt("-qq", "--print-uris", "--no-install-recommends", "install", *packages))
        if missing := set(packages) - {package.name for package in found}:
            raise InfraError(f"apt names no file for {', '.join(sorted(missing))} ({self.architecture})")
        record.parent.mkdir(exist_ok=True)
        _write(record, json.dumps([vars(package) for package in found], indent=1))
        return found

    def download(self, wanted: Sequence[Package]) -> list[Path]:
        self.packages.mkdir(exist_ok=True)
        absent = [package for package in wanted if not (self.packages / package.file).is_file()]
        if absent:
            megabytes = sum(package.size for package in absent) / 1e6
            self.progress(f"fetching {len(absent)} Debian packages for {self.architecture}, {megabytes:.1f} MB")
            # Whole files appear under their names only after apt has checked them.
            fetching = emptied(self.packages / f".fetching-{self.architecture}")
            self._apt("-qq", "download", *(f"{package.name}={package.version}" for package in absent), folder=fetching)
            for package in absent:
                (fetching / package.file).rename(self.packages / package.file)
            fetching.rmdir()
        return [self.packages / package.file for package in wanted]

    def _stale(self) -> bool:
        if not self.stamp.is_file():
            return True
        refreshed = self.stamp.stat().st_mtime
        sources = [path for root in _SOURCES for path in (root, *root.glob("*")) if path.exists()]
        return time.time() - refreshed > LISTS_KEPT or any(path.stat().st_mtime > refreshed for path in sources)

    def _refresh(self) -> InfraError | None:
        """Refresh the package lists. A failure is returned: what was resolved and fetched before may still do."""
        self.progress(f"refreshing Debian's package lists for {self.architecture}")
        try:
            self._apt("-qq", "-oAPT::Update::Error-Mode=any", "update")
        except InfraError as error:
            return error
        _write(self.stamp, "")
        return None

    def _apt(self, *arguments: str, folder: Path | None = None) -> str:
        for part in ("lists/partial", "cache/archives/partial"):
            (self.home / part).mkdir(parents=True, exist_ok=True)
        _write(self.home / "apt.conf", _CONFIGURATION)
        _write(self.home / "status", "")
        settings = {
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Sandbox::User": "",  # the cache is this user's, and apt's own user cannot enter it
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::Languages": "none",
            "Acquire::http::Timeout": "30",
            "Debug::NoLocking": "true",  # apt would lock the machine's dpkg; our own lock is held
            "Dir::State::lists": str(self.home / "lists"),
            "Dir::State::status": str(self.home / "status"),
            "Dir::State::extended_states": str(self.home / "extended_states"),
            "Dir::Cache": str(self.home / "cache"),
            "Dir::Cache::pkgcache": "pkgcache.bin",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "Dir::Log": str(self.home / "log"),
        }
        options = [f"-o{key}={value}" for key, value in settings.items()]
        return _run(["apt-get", f"--config-file={self.home / 'apt.conf'}", *options, *arguments], folder)


def _run(argv: Sequence[str], folder: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    program = shutil.which(argv[0])
    if program is None:
        raise InfraError(
            f"{argv[0]} is not installed: emulated boards and the sample library are made from Debian packages, "
            "fetched on Debian or Ubuntu; there, install the package apt or dpkg"
        )
    try:
        done = subprocess.run(
            [program, *argv[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
    except subprocess.TimeoutExpired as expired:
        raise InfraError(f"{argv[0]} had not ended after {expired.timeout:.0f} s; check the network") from expired
    if done.returncode != 0:
        action = [word for word in argv[1:] if not word.startswith("-")]
        raise InfraError(
            f"{argv[0]} {' '.join(action)} failed (status {done.returncode}): {done.stderr.strip()[-1500:]}\n"
            "Check that the machine is on line and that its apt sources serve this architecture"
        )
    return done.stdout


def _write(path: Path, text: str) -> None:
    """Replace the file in one step."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
