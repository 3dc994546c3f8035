"""Deploying to a device over SSH: files that are already there, and a changed library, against labgrid's put."""

import itertools
import os
import tempfile
import time
from pathlib import Path

from benchmarks import loopback, ratios
from benchmarks.labgrid_ssh import ssh_driver
from ontarget.device_farm import debian
from ontarget.harness.builds import parse_build

MIB = 1 << 20


def main(*, quick: bool) -> bool:
    """Return whether unchanged files deploy at least 20 times faster, and a changed library at least as fast."""
    with (
        tempfile.TemporaryDirectory() as folder,
        loopback.server() as server,
        loopback.device(server) as device,
        ssh_driver(server.port, server.user, server.key) as labgrid,
    ):
        original = (debian.libraries("libxnnpack0", "amd64") / "libXNNPACK.so.0").resolve().read_bytes()
        unchanged = Path(folder) / "libunchanged.so"
        # The real library, made 64 MiB long by bytes that no compression can shorten.
        unchanged.write_bytes(original + os.urandom(64 * MIB - len(original)))
        # Built a minute ago: a file of this second may still change unseen, so its digest would not be remembered.
        os.utime(unchanged, (time.time() - 60, time.time() - 60))
        there = Path(folder) / "there"
        there.mkdir()

        def deploy(path: Path) -> None:
            device.deploy(parse_build([str(path)], "candidate", soname=path.name))

        same = ratios.alternate(
            {"ontarget": lambda: deploy(unchanged), "labgrid put": lambda: labgrid.put(str(unchanged), str(there))},
            rounds=3 if quick else 10,
        )
        numbers = itertools.count()

        def changed() -> Path:
            """The real library with some bytes in its middle changed, as a small commit does."""
            number = next(numbers)
            path = Path(folder) / f"libXNNPACK-{number}.so"
            middle = len(original) // 2
            path.write_bytes(original[:middle] + os.urandom(4096) + original[middle + 4096 :])
            return path

        rounds = 5 if quick else 20
        ours, theirs = (iter([changed() for _ in range(rounds + 1)]) for _ in range(2))
        new = ratios.alternate(
            {
                "ontarget": lambda: deploy(next(ours)),
                "labgrid put": lambda: labgrid.put(str(next(theirs)), str(there)),
            },
            rounds=rounds,
        )
    reached = ratios.show(
        "Deploying 64 MiB that both sides know", same, [ratios.Goal(faster="ontarget", slower="labgrid put", times=20)]
    )
    size = len(original) / MIB
    return reached & ratios.show(
        f"Deploying a changed libxnnpack ({size:.1f} MiB)",
        new,
        [ratios.Goal(faster="ontarget", slower="labgrid put", times=1)],
    )
