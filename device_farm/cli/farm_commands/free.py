"""`ontarget farm free`: end somebody's lease."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.stores import opened_store


@click.command("free")
@click.argument("device", shell_complete=complete_device)
@click.option("--reason", required=True, metavar="TEXT", help="Why; its holder is told, and the audit log.")
@farm_options
@json_option
def command(device: str, reason: str, farm: Path | None, on: tuple[str, ...], as_json: bool) -> None:
    """End whatever lease there is on DEVICE, by force. Its holder's run ends with REASON.

    To give back a lease of your own: `ontarget release`. On PostgreSQL it takes the role ontarget_admin.
    """
    from ontarget.device_farm.identity import owner

    if not reason.strip():
        raise click.UsageError("--reason is empty: say why, for whoever loses the device")
    with opened_store(farm, on) as (_, store):
        freed = store.free(device, reason, owner())
    if as_json:
        print_json({"device": device, "freed": freed})
        return
    click.echo(f"{device} is free" if freed else f"nobody held {device}")
