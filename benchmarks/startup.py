"""From typing `pytest` to the verdict on the first measured kernel, on a warm local device and on a warm board."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from benchmarks import ratios
from ontarget.device_farm import boards, debian
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.reach import board_name
from ontarget.harness.abi import Abi
from ontarget.harness.errors import InfraError
from support.boards import state_home, stop_all

BOARD = "virtual-cortex-a53"
LIBRARY = "libXNNPACK.so.0"
ARCHITECTURES = {Abi.X86_64: "amd64", Abi.AARCH64: "arm64"}
# Whatever the kernel, it takes six launch pairs at least: a small one shows the rest best.
KERNEL = "test_latency and eltwise_sigmoid and f32"
ENTRIES = {
    "local": '[[device]]\nname = "here"\nconnect = "local"\n',
    "board": f'[[device]]\nname = "board"\nconnect = "board:{BOARD}"\n',
}
PHASES = (
    "interpreter and plugins",
    "collection",
    "lease, connection, agent",
    "deploying (all is there)",
    "measuring",
    "everything else",
)


def main(*, quick: bool) -> bool:
    """Report the times, of which none has to be reached."""
    rounds = 3 if quick else 7
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as name, state_home(Path(name, "state")):
        folder = Path(name)
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        builds = {abi: candidate(folder / abi, debian_name) for abi, debian_name in ARCHITECTURES.items()}
        found = {}
        try:
            for kind, entry in ENTRIES.items():
                farm = folder / kind / "farm.toml"
                farm.parent.mkdir()
                farm.write_text(f"version = 1\n{entry}")
                try:
                    if kind == "board":
                        boot(farm)
                    runs = [first_verdict(farm, Path(root), builds) for _ in range(rounds + 1)]
                except InfraError as error:
                    ratios.console.print(f"  no figures for {kind}: {error}")
                else:
                    found[kind] = runs[1:]  # the first one made it warm
        finally:
            stop_all(folder / "state")
    show(found)
    return True


def candidate(folder: Path, architecture: str) -> tuple[Path, Path]:
    """Another build with the same speed, which has other bytes behind its code, and the real library."""
    original = debian.libraries("libxnnpack0", architecture)
    shutil.copytree(original, folder)
    (folder / LIBRARY).unlink()  # it may be a link
    (folder / LIBRARY).write_bytes((original / LIBRARY).read_bytes() + bytes(4096))
    return folder, original


def boot(farm: Path) -> None:
    """Start the board of the farm's entry, so that runs find it on."""
    inventory = load(farm)
    with Farm.open(inventory) as opened:
        name = board_name(inventory.devices[0], opened.store_id, own_store=False)
    boards.up(BOARD, name)


def first_verdict(farm: Path, root: Path, builds: Mapping[Abi, tuple[Path, Path]]) -> dict[str, float]:
    """Seconds of each phase of one run, and of all. Raises RuntimeError if it came to no verdict."""
    noted = farm.with_name("phases.json")
    noted.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "benchmarks.phases", f"--phases={noted}", "-q", f"--farm={farm}"]
    command += ["--pyargs", "ontarget.suites", "-m", "core", "-k", KERNEL]
    for abi, (ours, theirs) in builds.items():
        command += [f"--candidate={abi}={ours}", f"--baseline={abi}={theirs}"]
    environment = {**os.environ, "ONTARGET_ROOT": str(root), "PYTHONPATH": str(Path(__file__).parents[1])}
    started = time.time()
    done = subprocess.run(command, cwd=farm.parent, env=environment, capture_output=True, text=True, check=False)
    read = json.loads(noted.read_text()) if noted.exists() else {}
    if read.get("outcome") != "passed":
        raise RuntimeError(f"expected a run with a verdict, found:\n{done.stdout}{done.stderr}")
    at, fixtures = read["at"], read["fixtures"]
    seconds = [
        at["configured"] - started,
        at["collected"] - at["configured"],
        fixtures["device"],
        fixtures["candidate"] + fixtures["baseline"],
        at["verdict"] - at["called"],
    ]
    total = at["verdict"] - started
    return dict(zip(PHASES, [*seconds, total - sum(seconds)], strict=True)) | {"in all": total}


def show(found: Mapping[str, list[dict[str, float]]]) -> None:
    """Print the medians of each device's runs as a table; those of the phases need not add up to that of the whole."""
    count = min(map(len, found.values()), default=0)
    title = f"From `pytest` to the first verdict (median of {count})"
    table = Table("", *found, title=title, title_justify="left")
    for phase in (*PHASES, "in all"):
        medians = [statistics.median(run[phase] for run in runs) for runs in found.values()]
        table.add_row(phase, *(f"{median:.2f} s" for median in medians), end_section=phase == PHASES[-1])
    ratios.console.print(table)
