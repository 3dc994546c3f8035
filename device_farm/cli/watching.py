"""`ontarget devices --watch`: the listing as it changes."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import click

from ontarget.device_farm.leases.store import DeviceState, DeviceStatus
from ontarget.device_farm.times import rfc3339

_EVERY: Final = 1.0


def watch(
    read: Callable[[], Sequence[DeviceStatus]],
    headings: Sequence[str],
    row: Callable[[DeviceStatus], Sequence[str]],
    *,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Show the devices until Ctrl-C: a live table on a terminal, elsewhere a line for each change."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        _print_changes(read, clock, pause)
        return
    from rich.live import Live

    from ontarget.device_farm.cli.output import table

    with Live(table(headings, map(row, read())), console=console, screen=True, auto_refresh=False) as live:
        while True:
            pause(_EVERY)
            shown = table(headings, map(row, read()))
            shown.caption = f"{rfc3339(clock())}, every {_EVERY:g} s until Ctrl-C"
            live.update(shown, refresh=True)


def _print_changes(
    read: Callable[[], Sequence[DeviceStatus]], clock: Callable[[], float], pause: Callable[[float], None]
) -> None:
    told: dict[str, str] = {}
    while True:
        for status in read():
            line = _line(status)
            if told.get(status.name) != line:
                told[status.name] = line
                click.echo(f"{rfc3339(clock())} {status.name} {line}")
        pause(_EVERY)


def _line(status: DeviceStatus) -> str:
    """What a device is, without what every heartbeat changes."""
    if status.state is DeviceState.LEASED:
        return f"leased by {status.holder} for {status.purpose}, token {status.token}"
    held = f", still held by {status.holder}" if status.holder else ""
    reason = f": {status.reason}" if status.reason else ""
    return f"{status.state}{reason}{held}"
