"""A device over SSH that is this machine: a real sshd on loopback."""

import itertools
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ontarget.harness.agent.session import Fence
from ontarget.harness.device import Device
from support.sshd import Sshd, running_sshd

# A store of this run's own: tokens of an earlier run are no newer leases.
_STORE = f"benchmark-{uuid.uuid4()}"
_tokens = itertools.count(1)


@contextmanager
def server() -> Iterator[Sshd]:
    """An sshd with keys of its own."""
    with tempfile.TemporaryDirectory() as folder, running_sshd(Path(folder)) as sshd:
        yield sshd


@contextmanager
def device(sshd: Sshd) -> Iterator[Device]:
    """The device behind it, with its agent started."""
    transport = sshd.connect("loopback")
    opened = Device.open(transport, name="loopback", model="loopback", kind="board", fence=Fence(_STORE, next(_tokens)))
    try:
        yield opened
    finally:
        opened.close()
