"""The library under test: Debian's XNNPACK as it is, and candidates made from it with planted faults."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ontarget.device_farm import debian
from ontarget.harness.abi import Abi

SONAME = "libXNNPACK.so.0"
# The same length as SONAME, so that the name can be changed in place.
REAL_SONAME = "libXNNREAL.so.0"

DEBIAN_ARCHITECTURES = {Abi.X86_64: "amd64", Abi.AARCH64: "arm64"}


def fetch(abi: Abi, progress: Callable[[str], None]) -> Path:
    """Return the folder of Debian's libxnnpack0 and the libraries that it needs, for `abi`."""
    return debian.libraries("libxnnpack0", DEBIAN_ARCHITECTURES[abi], progress=progress)


def plant_faults(abi: Abi, original: Path, folder: Path, *, slower_ppm: int = 30_000) -> Path:
    """Make a candidate from the real library in `original` that stands behind `interpose.c`; return its folder.

    Sigmoid f32 becomes slower by `slower_ppm` parts per million.
    """
    source = Path(__file__).with_name("interpose.c")
    return stand_before(abi, original, folder, [source], [f"-DSLOWER_PPM={slower_ppm}"])


def stand_before(abi: Abi, original: Path, folder: Path, sources: Sequence[Path], flags: Sequence[str]) -> Path:
    """Make a candidate of C `sources`, which stands before the real library in `original`; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for library in original.glob("lib*.so.*"):
        if library.name != SONAME:
            shutil.copy(library, folder / library.name)
    real = (original / SONAME).resolve().read_bytes()
    if real.count(SONAME.encode() + b"\0") != 1:
        raise SystemExit(f"demo: {original / SONAME}: expected its own name once, found another layout")
    (folder / REAL_SONAME).write_bytes(real.replace(SONAME.encode() + b"\0", REAL_SONAME.encode() + b"\0"))
    command = [
        *(sys.executable, "-m", "ziglang", "cc", "-target", str(abi.zig_target), "-shared", "-fPIC", "-O2"),
        *("-fno-sanitize=undefined", *flags, f"-Wl,-soname,{SONAME}", "-o", str(folder / SONAME)),
        # Nothing in the sources names a function of the real library, and yet it must be loaded.
        *(*map(str, sources), "-Wl,--no-as-needed", str(folder / REAL_SONAME)),
    ]
    subprocess.run(command, check=True)
    return folder
