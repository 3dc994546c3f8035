"""`ontarget farm log`: what has become of the farm's devices."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.cli.stores import opened_store
from ontarget.device_farm.leases.store import Transition
from ontarget.device_farm.times import rfc3339


@click.command("log")
@click.option("--device", metavar="NAME", shell_complete=complete_device, help="Only of this device.")
@click.option(
    "--last", type=click.IntRange(min=1), default=1000, show_default=True, metavar="N", help="The newest lines."
)
@farm_options
@json_option
def command(device: str | None, last: int, farm: Path | None, on: tuple[str, ...], as_json: bool) -> None:
    """Print the audit log, oldest first: who did what to which device, and why. Nothing in it is ever changed."""
    from ontarget.device_farm.errors import NoSuchDevice

    with opened_store(farm, on) as (_, store):
        lines = store.history(device, newest=last)
        if device is not None and not lines and not store.statuses([device]):
            names = ", ".join(status.name for status in store.statuses())
            raise NoSuchDevice(f"no device is named {device!r}; there are: {names or 'none'}")
    if as_json:
        print_json([_record(line) for line in lines])
        return
    headings = ("time", "device", "state", "author", "as", "token", "reason")
    print_table(
        headings, [["-" if value is None else str(value) for value in _record(line).values()] for line in lines]
    )


def _record(line: Transition) -> dict[str, str | int | None]:
    return {
        "time": rfc3339(line.at),
        "device": line.device,
        "state": line.state.value,
        "author": line.author,
        "role": line.role,
        "token": line.token,
        "reason": line.reason,
    }
