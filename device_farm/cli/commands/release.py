"""`ontarget release`: give a device back."""

import os
from contextlib import closing
from pathlib import Path

import click

from ontarget.device_farm.cli.options import LEASE_VARIABLE, farm_options
from ontarget.device_farm.errors import NoSuchLease


@click.command("release")
@click.argument("leases", nargs=-1, required=True, envvar=LEASE_VARIABLE, metavar="LEASE...")
@farm_options
def command(leases: tuple[str, ...], farm: Path | None, on: tuple[str, ...]) -> None:
    """Give back the device of each LEASE (default: $ONTARGET_LEASE). Harmless if it has ended already."""
    from ontarget.device_farm.inventory import own_store
    from ontarget.device_farm.own import inventory_for

    # what was reserved with --on is in the user's own store, wherever this is typed
    addresses = [inventory_for(farm, on, os.environ, Path.cwd()).store]
    if farm is None and own_store() not in addresses:
        addresses.append(own_store())
    refused = None
    for lease in leases:
        try:
            click.echo("released" if _release(lease, addresses) else "it had ended before")
        except NoSuchLease as error:
            refused = refused or error  # the others are given back all the same
    if refused is not None:
        raise refused


def _release(lease: str, addresses: list[str]) -> bool:
    """Release a lease of the first of these stores that knows it. Raises what the first says if none does."""
    from ontarget.device_farm.leases.sql import open_store

    refusals = []
    for address in addresses:
        with closing(open_store(address)) as store:
            try:
                return store.release(lease)
            except NoSuchLease as error:
                refusals.append(error)
    raise refusals[0]
