"""A client that is killed at any moment leaves nothing running on the device."""

import subprocess
import sys
from pathlib import Path

import psutil

from support.agents import NATIVE, spawn, start, transport_for
from support.culprit import PROTOTYPES
from support.waiting import eventually

CLIENT = """
import sys
from pathlib import Path
from support.agents import NATIVE, spawn, start, transport_for
from support.culprit import PROTOTYPES
session = start(transport_for(NATIVE, Path("/")), Path(sys.argv[1]))
process, other = (spawn(session, Path(sys.argv[2]), label) for label in ("candidate", "baseline"))
process.call(PROTOTYPES, "leave_child")
print("calling", flush=True)
other.send(PROTOTYPES, "hang", deadline=600)
process.call(PROTOTYPES, "hang", deadline=600)
"""


def test_killed_client_leaves_no_process_and_no_hindrance(root: Path, culprit: Path) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(root), str(culprit)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    assert client.stdout is not None
    assert client.stdout.readline() == b"calling\n"
    family = psutil.Process(client.pid).children(recursive=True)
    assert len(family) >= 3
    client.kill()
    client.communicate()
    eventually(lambda: not any(alive(process) for process in family), "all that the client started is gone")
    session = start(transport_for(NATIVE, root), root)
    process = spawn(session, culprit)
    assert process.call(PROTOTYPES, "fine") == 7
    session.close()


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
