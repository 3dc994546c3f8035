"""Puts the agent's program on a device, if it is not there."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import PurePosixPath

from ontarget.harness.abi import Abi
from ontarget.harness.agent import build, probe
from ontarget.harness.errors import AgentError
from ontarget.harness.transports.protocols import Transport

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placed:
    """Where the program is on the device, and what is known of the device by then."""

    program: str
    digest: str
    root: str
    abi: Abi


def place(transport: Transport, *, device: str, root: str | None = None, abi: Abi | None = None) -> Placed:
    """Put the agent on the device if it is not there; `root` and `abi` are found out on the device if None.

    Raises AgentError, and what the transport raises.
    """
    done = transport.run(["sh", "-c", probe.SCRIPT, "sh", root or ""])
    if done.status != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise AgentError(f"expected a POSIX shell; sh ended with {done.status}: {said}", device=device)
    probed = probe.parse(done.stdout.decode("utf-8", "replace"))
    abi = abi or probed.abi
    if abi is None:
        known = ", ".join(Abi)
        raise AgentError(f"expected a device with one of the ABIs {known}; it says: {probed.said}", device=device)
    program = build.program_for(abi)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    path = str(PurePosixPath(probed.root) / "agent" / digest / build.PROGRAM)
    if digest not in probed.agents:
        _log.info("putting the agent on %s", device)
        transport.put(program, path, executable=True)
    return Placed(path, digest, probed.root, abi)
