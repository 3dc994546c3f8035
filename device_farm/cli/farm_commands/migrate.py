"""`ontarget farm migrate`: bring the farm's store to the newest schema."""

from pathlib import Path

import click

from ontarget.device_farm.cli.farm_commands.init import bring_up
from ontarget.device_farm.cli.options import farm_options, json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.stores import inventory_of


@click.command("migrate")
@farm_options
@json_option
def command(farm: Path | None, on: tuple[str, ...], as_json: bool) -> None:
    """Bring the farm's store to the schema of this ontarget. Leases and the queue go on meanwhile.

    What is older does not work with it afterwards. A store that is newer is refused.
    """
    inventory = inventory_of(farm, on)
    before, now = bring_up(inventory.store)
    if as_json:
        print_json({"store": inventory.store, "before": before, "schema": now})
        return
    click.echo(f"{inventory.store}: schema {before or 'none'}, now {now}")
