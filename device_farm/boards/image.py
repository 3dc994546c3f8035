"""The system that all virtual boards run: Debian's kernel and a small file system in memory, built once and cached.

Its name is the digest of the package files and of our own start-up, so that a new one is built when either changes, and
results made on unlike images can be told apart. It holds no key: those are added per board.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from ontarget.device_farm import debian
from ontarget.device_farm.boards import cpio, guest, modules
from ontarget.device_farm.locks import Progress, exclusive, unheard
from ontarget.harness.errors import InfraError

ARCHITECTURE = "arm64"
UNUSED_KEPT = 30 * 24 * 3600.0
_KERNEL = "linux-image-cloud-arm64"
_SYSTEM = ("busybox-static", "dropbear-bin", "libc6", "libstdc++6", "libgcc-s1")
_KERNEL_FILES = re.compile(r"linux-image-\d.*")
# Character set converters and the like would triple the size of the file system.
_KEPT = re.compile(
    r"bin/busybox|usr/sbin/dropbear|lib/ld-linux-aarch64\.so\.1|(usr/)?lib/aarch64-linux-gnu/[^/]+\.so.*"
)


@dataclass(frozen=True)
class Image:
    """`digest` names the image; `kernel` and `initrd` are files that must not be changed."""

    digest: str
    kernel: Path
    initrd: Path


def build(*, cache: Path | None = None, progress: Progress = unheard) -> Image:
    """The image of today's packages, built if it is not cached (half a minute, mostly the download).

    Raises InfraError if the packages cannot be had.
    """
    packages = (cache or user_cache_path("ontarget")) / "debian"
    debs = debian.fetch([_KERNEL], ARCHITECTURE, keep=_is_kernel, cache=packages, progress=progress)
    debs += debian.fetch(_SYSTEM, ARCHITECTURE, cache=packages, progress=progress)
    digest = _digest(debs)
    images = (cache or user_cache_path("ontarget")) / "boards"
    with exclusive(images / ".lock", waiting=lambda: progress("waiting for another run that builds the board image")):
        if not (images / digest).is_dir():
            progress("building the board image")
            building = debian.emptied(images / ".building")
            debian.extract(debs, building / "root")
            kernel, entries = _contents(building / "root")
            made = building / "image"
            made.mkdir()
            (made / "initrd").write_bytes(cpio.archive(entries))
            kernel.rename(made / "kernel")
            (made / "packages.json").write_text(json.dumps([deb.stem for deb in debs], indent=1))
            made.rename(images / digest)
            debian.emptied(building).rmdir()
            _remove_old(images)
        os.utime(images / digest)
    return _image(images, digest)


def _remove_old(images: Path) -> None:
    for image in images.glob("[!.]*"):
        if time.time() - image.stat().st_mtime > UNUSED_KEPT:
            shutil.rmtree(image)


def cached(digest: str, *, cache: Path | None = None) -> Image | None:
    """The image of this digest if it has been built here."""
    images = (cache or user_cache_path("ontarget")) / "boards"
    return _image(images, digest) if (images / digest).is_dir() else None


def _image(images: Path, digest: str) -> Image:
    return Image(digest, images / digest / "kernel", images / digest / "initrd")


def _is_kernel(name: str) -> bool:
    return _KERNEL_FILES.fullmatch(name) is not None


def _digest(debs: list[Path]) -> str:
    code = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in ("cpio", "guest", "image", "modules")]
    names = "\n".join(sorted(deb.name for deb in debs)).encode()
    return hashlib.sha256(b"\0".join([names, *code])).hexdigest()[:16]


def _contents(root: Path) -> tuple[Path, list[cpio.Entry]]:
    """The kernel's file below `root`, and the entries of the file system."""
    kernels = list((root / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise InfraError(
            f"expected one kernel in {_KERNEL}, found {len(kernels)}; report this with `apt policy {_KERNEL}`"
        )
    wanted = modules.load_order(guest.MODULES, modules.available_in(root / "lib" / "modules"))
    paths = [f"lib/modules/{path.name}" for path in wanted]
    return kernels[0], [
        *guest.system_files(paths),
        cpio.folder("lib/aarch64-linux-gnu"),
        cpio.folder("usr/lib/aarch64-linux-gnu"),
        *_files(root),
        *(cpio.file(path, module.read_bytes()) for path, module in zip(paths, wanted, strict=True)),
    ]


def _files(root: Path) -> Iterator[cpio.Entry]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not _KEPT.fullmatch(name):
            continue
        if path.is_symlink():
            yield cpio.link(name, path.readlink().as_posix())
        else:
            yield cpio.file(name, path.read_bytes(), path.stat().st_mode & 0o777)
