"""`ontarget release`: give a device back."""

import os
from pathlib import Path

import click

from ontarget.device_farm.cli.options import LEASE_VARIABLE, farm_options
from ontarget.device_farm.errors import NoSuchLease


@click.command("release")
@click.argument("lease", envvar=LEASE_VARIABLE)
@farm_options
def command(lease: str, farm: Path | None, on: tuple[str, ...]) -> None:
    """Give back the device of LEASE (default: $ONTARGET_LEASE). Harmless if it has ended already."""
    from ontarget.device_farm.inventory import own_store
    from ontarget.device_farm.leases.sql import open_store
    from ontarget.device_farm.own import inventory_for

    # what was reserved with --on is in the user's own store, wherever this is typed
    addresses = [inventory_for(farm, on, os.environ, Path.cwd()).store]
    if farm is None and own_store() not in addresses:
        addresses.append(own_store())
    refusals = []
    for address in addresses:
        store = open_store(address)
        try:
            held = store.release(lease)
        except NoSuchLease as error:
            refusals.append(error)
            continue
        finally:
            store.close()
        click.echo("released" if held else "it had ended before")
        return
    raise refusals[0]
