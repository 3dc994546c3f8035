"""`ontarget devices`: what there is, and who holds it until when."""

import os
from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options, json_option
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.leases.store import DeviceStatus
from ontarget.device_farm.times import rfc3339


@click.command("devices")
@click.option("--watch", "watching", is_flag=True, help="Go on until Ctrl-C: a live table, or a line for each change.")
@farm_options
@json_option
def command(watching: bool, farm: Path | None, on: tuple[str, ...], as_json: bool) -> None:
    """List the farm's devices, and who holds which until when."""
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.own import inventory_for

    if watching and as_json:
        raise click.UsageError("--watch and --json were both given: a list of JSON has an end")
    headings = ("name", "model", "state", "holder", "purpose", "until", "reason")
    with Farm.open(inventory_for(farm, on, os.environ, Path.cwd())) as opened:
        if watching:
            from ontarget.device_farm.cli.watching import watch

            watch(opened.statuses, headings, _row)
            return
        statuses = opened.statuses()
    if as_json:
        print_json([as_record(status) for status in statuses])
        return
    print_table(headings, [_row(status) for status in statuses])


def as_record(status: DeviceStatus) -> dict[str, str | int | None]:
    """A device as `--json` prints it."""
    return {
        "name": status.name,
        "model": status.model,
        "state": status.state.value,
        "holder": status.holder,
        "purpose": status.purpose,
        "token": status.token,
        "expires": None if status.expires is None else rfc3339(status.expires),
        "reason": status.reason,
    }


def _row(status: DeviceStatus) -> list[str]:
    record = as_record(status)
    return [str(record[key] or "-") for key in ("name", "model", "state", "holder", "purpose", "expires", "reason")]
