"""`ontarget farm state`: take a device out of use, or put it back."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.stores import opened_store
from ontarget.device_farm.leases.store import DeviceState

_STATES = [state.value for state in DeviceState if state is not DeviceState.LEASED]


@click.command("state")
@click.argument("device", shell_complete=complete_device)
@click.argument("state", type=click.Choice(_STATES))
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the listing and in the audit log.")
@farm_options
@json_option
def command(device: str, state: str, reason: str, farm: Path | None, on: tuple[str, ...], as_json: bool) -> None:
    """Make DEVICE available, quarantined, offline or set apart for maintenance.

    A lease on it runs on; nobody is given the next unless it is available. On PostgreSQL it takes the role
    ontarget_admin.
    """
    from ontarget.device_farm.cli.commands.devices import as_record
    from ontarget.device_farm.identity import owner

    if not reason.strip():
        raise click.UsageError("--reason is empty: say why, for those who find the device so")
    with opened_store(farm, on) as (_, store):
        store.set_state(device, DeviceState(state), reason, owner())
        (status,) = store.statuses([device])
    if as_json:
        print_json(as_record(status))
        return
    held = f"; {status.holder} holds it still" if status.holder else ""
    click.echo(f"{device} is {status.state}: {reason}{held}")
