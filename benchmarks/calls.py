"""A call on a device over SSH: ontarget's agent, labgrid's SSHDriver, and a bare echo over one paramiko channel."""

import subprocess
import tempfile
from pathlib import Path

from benchmarks import loopback, ratios
from benchmarks.labgrid_ssh import ssh_driver

SOURCE = "int answer(int question) { return question + 1; }\n"
PROTOTYPE = "int answer(int question);"
CALLS = 200


def main(*, quick: bool) -> bool:
    """Return whether a call is at least 30 times faster than labgrid's, and takes at most 1.5 echoes."""
    with tempfile.TemporaryDirectory() as folder, loopback.server() as server:
        library = compile_library(Path(folder))
        with loopback.device(server) as device, ssh_driver(server.port, server.user, server.key) as labgrid:
            process = device.session.spawn(str(library), label="candidate")
            echo = server.connect("echo").open(["cat"])

            def calls() -> None:
                for number in range(CALLS):
                    if process.call(PROTOTYPE, "answer", number) != number + 1:
                        raise RuntimeError("the device gave another answer")

            def echoes() -> None:
                for _ in range(CALLS):
                    echo.write(b"x" * 64)
                    got = 0
                    while got < 64:
                        got += len(echo.read(64, deadline=10.0))

            seconds = ratios.alternate(
                {"ontarget call": calls, "paramiko echo": echoes, "labgrid run('true')": lambda: labgrid.run("true")},
                rounds=5 if quick else 25,
            )
            echo.close()
    for name in ("ontarget call", "paramiko echo"):
        seconds[name] = [value / CALLS for value in seconds[name]]
    return ratios.show(
        "One call on a device over loopback SSH",
        seconds,
        [
            ratios.Goal(faster="ontarget call", slower="labgrid run('true')", times=30),
            ratios.Goal(faster="ontarget call", slower="paramiko echo", times=1 / 1.5),
        ],
    )


def compile_library(folder: Path) -> Path:
    """A shared object with the function `answer`, readable by the agent's unprivileged user."""
    folder.chmod(0o755)
    source = folder / "answer.c"
    source.write_text(SOURCE)
    library = folder / "libanswer.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source)], check=True)
    return library
