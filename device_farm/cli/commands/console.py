"""`ontarget console`: a device's serial console in this terminal."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from ontarget.device_farm.cli.commands.exec import lease_for
from ontarget.device_farm.cli.options import DurationType, complete_device, farm_options, is_terminal, say, wait_option
from ontarget.device_farm.cli.terminal import raw_keys
from ontarget.harness.errors import DeadlineExceeded, UserError
from ontarget.harness.transports.protocols import Console

LEAVE: Final = b"\x1d"  # Ctrl-]
_GLANCE: Final = 0.02


@click.command("console")
@click.argument("device", required=False, shell_complete=complete_device)
@click.option("--lease", "secret", metavar="LEASE", help="The console of this lease's device, instead of naming one.")
@click.option("--log", "only_print", is_flag=True, help="Only print, until Ctrl-C.")
@click.option("--for", "seconds", type=DurationType(), metavar="DURATION", help="Leave after this time.")
@wait_option(0.0)
@farm_options
def command(
    device: str | None,
    secret: str | None,
    only_print: bool,
    seconds: float | None,
    wait: float,
    farm: Path | None,
    on: tuple[str, ...],
) -> None:
    """Connect this terminal to DEVICE's serial console, which is leased meanwhile. Ctrl-] leaves."""
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.own import inventory_for

    if not only_print and not is_terminal():
        raise click.UsageError("this is no terminal: use --log to only print what the console says")
    with (
        Farm.open(inventory_for(farm, on, os.environ, Path.cwd(), device=device)) as opened,
        lease_for(opened, device, secret, wait, purpose="console") as lease,
        closing(opened.prepare(lease, progress=say)) as way,
    ):
        console = way.console(lease)
        if console is None:
            raise UserError("it has no serial console: give it `console` in the farm file", device=lease.device.name)
        end = None if seconds is None else time.monotonic() + seconds
        with closing(console):
            if only_print:
                _print(console, lease.check, end)
            else:
                say(f"connected to {lease.device.name}; Ctrl-] leaves")
                _talk(console, lease.check, end)


def _print(console: Console, check: Callable[[], None], end: float | None) -> None:
    while end is None or time.monotonic() < end:
        check()
        _show(console, 0.2)


def _talk(console: Console, check: Callable[[], None], end: float | None) -> None:
    with raw_keys() as typed:
        while end is None or time.monotonic() < end:
            check()
            data = typed()
            before, leave, _ = data.partition(LEAVE)
            if before:
                console.write(before)
            if leave:
                return
            _show(console, _GLANCE)


def _show(console: Console, seconds: float) -> None:
    try:
        data = console.expect(rb"(?s).+", deadline=seconds)
    except DeadlineExceeded:
        return
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
