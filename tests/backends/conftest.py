"""This machine as a device with OpenCL by Debian's pocl, and Vulkan by its lavapipe."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.harness.agent.session import Fence
from ontarget.harness.device import Device
from ontarget.harness.transports.local import LocalTransport


@pytest.fixture(scope="session")
def readable() -> Iterator[Path]:
    """A folder that code under test can read, as whoever it runs."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def pc(readable: Path) -> Iterator[Device]:
    root = readable / "root"
    root.mkdir()
    fence = Fence(str(root), 1)
    with Device.open(LocalTransport("pc"), name="pc", kind="local", fence=fence, root=str(root)) as device:
        yield device
