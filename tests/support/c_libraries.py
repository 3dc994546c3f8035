"""Shared libraries for this machine, compiled from C text."""

import subprocess
from pathlib import Path


def compile_library(source: str, folder: Path, name: str, *, defines: tuple[str, ...] = ()) -> Path:
    """Return `folder/libNAME.so`, built with the machine's own `cc`."""
    text = folder / f"{name}.c"
    text.write_text(source)
    library = folder / f"lib{name}.so"
    options = [f"-D{define}" for define in defines]
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", *options, "-o", str(library), str(text), "-lm"], check=True, timeout=60
    )
    return library
