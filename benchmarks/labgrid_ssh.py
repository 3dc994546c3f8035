"""labgrid's SSHDriver on a loopback sshd, as its users run it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labgrid import Target
from labgrid.driver import SSHDriver
from labgrid.resource import NetworkService


@contextmanager
def ssh_driver(port: int, user: str, key: Path) -> Iterator[SSHDriver]:
    """An activated driver on 127.0.0.1:`port`."""
    target = Target("benchmark")
    NetworkService(target, name=None, address="127.0.0.1", username=user, port=port)
    driver = SSHDriver(target, name=None, keyfile=str(key))
    target.activate(driver)
    try:
        yield driver
    finally:
        target.deactivate(driver)
