"""`ontarget farm export`: the farm as a file."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.stores import opened_store


@click.command("export")
@click.option("--toml", "as_toml", is_flag=True, help="A farm.toml of its inventory, without log and states.")
@click.option("--json", "as_json", is_flag=True, help="Devices, states and audit log (the default).")
@farm_options
def command(as_toml: bool, as_json: bool, farm: Path | None, on: tuple[str, ...]) -> None:
    """Print the farm: devices, their states and the audit log. No lease and no secret is in it."""
    from ontarget.device_farm import exchange

    if as_toml and as_json:
        raise click.UsageError("--toml and --json were both given: print one of them")
    with opened_store(farm, on) as (inventory, store):
        statuses = store.statuses()
        if as_toml:
            click.echo(exchange.to_toml(inventory, statuses), nl=False)
        else:
            print_json(exchange.to_json(inventory, statuses, store.history()))
