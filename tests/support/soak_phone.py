"""The virtual phone as a device of a farm, behind a real adb server, and what may befall it there."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from support.phones import HOST, running_phone, running_server
from support.waiting import eventually

NAME = "phone"


def phone(stack: ExitStack) -> tuple[str, dict[str, Callable[[], None]]]:
    """Start it until `stack` ends; return its entry for a farm.toml, and its faults by their names."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    server = stack.enter_context(running_server(folder / "adb"))
    made = stack.enter_context(running_phone(folder / "phone", rooted=True))

    def kill_server() -> None:
        server.kill()
        server.start()
        eventually(lambda: server.listens, "the adb server")

    def pull_cable() -> None:
        with made.unplugged():
            eventually(lambda: server.listens, "the adb server")

    entry = f'[[device]]\nname = "{NAME}"\nconnect = "adb:{made.serial}@{HOST}:{server.port}"\n'
    return entry, {"adb kill-server": kill_server, "cable pulled": pull_cable, "adb connection dropped": made.drop}
