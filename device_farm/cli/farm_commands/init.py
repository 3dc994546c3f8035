"""`ontarget farm init`: make the farm's store."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options, json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.stores import inventory_of


@click.command("init")
@farm_options
@json_option
def command(farm: Path | None, on: tuple[str, ...], as_json: bool) -> None:
    """Make the farm's store and tell it the farm's devices. Harmless where there is one.

    On PostgreSQL the database has to be there and yours; the roles ontarget_user and ontarget_admin are made, to be
    granted to people and CI jobs.
    """
    from ontarget.device_farm.farm import Farm

    inventory = inventory_of(farm, on)
    before, now = bring_up(inventory.store)
    with Farm.open(inventory) as opened:
        count = len(opened.inventory.devices)
    if as_json:
        print_json({"store": inventory.store, "schema": now, "made": before == 0, "devices": count})
        return
    done = "made" if before == 0 else "was there already"
    click.echo(f"the store {inventory.store} {done}, with schema {now} and {count} devices")
    if before == 0 and not inventory.store.startswith("sqlite:"):
        click.echo("to let people and jobs use it:  GRANT ontarget_user TO ...")
        click.echo("to let them look after it:      GRANT ontarget_user, ontarget_admin TO ...")


def bring_up(address: str) -> tuple[int, int]:
    """Bring a store to the newest schema; return the number of what it had (0 for none) and of the newest."""
    from ontarget.device_farm.database import schema
    from ontarget.device_farm.database.opening import connect

    database = connect(address)
    try:
        return schema.bring_up(database), schema.NEWEST
    finally:
        database.close()
