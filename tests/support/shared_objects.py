"""Small real shared objects for any ABI, without a C library: quick to cross-compile."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ontarget.harness.abi import Abi

TARGETS = {
    Abi.X86_64: "x86_64-linux-gnu",
    Abi.AARCH64: "aarch64-linux-gnu",
    Abi.ARMHF: "arm-linux-gnueabihf",
    Abi.ARM64_V8A: "aarch64-linux-android",
    Abi.ARMEABI_V7A: "arm-linux-androideabi",
}


def shared_object(
    path: Path,
    abi: Abi,
    *,
    soname: str | None = None,
    needs: Sequence[Path] = (),
    source: str = "int f;",
    flags: Sequence[str] = (),
) -> Path:
    """Compile `source` to `path`, linked with `needs` and `flags`; `soname` None: it has none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = path.with_name(f"{path.name}.c")
    code.write_text(source)
    name = [f"-Wl,-soname,{soname}"] if soname else []
    subprocess.run(
        [
            *(sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[abi], "-nostdlib", "-shared", "-fPIC"),
            *(*flags, *name, "-Wl,--no-as-needed", "-o", str(path), str(code), *map(str, needs)),
        ],
        check=True,
        timeout=120,
        capture_output=True,
    )
    code.unlink()
    return path
