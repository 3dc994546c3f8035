"""`ontarget farm import`: tell the store what a file says."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options, json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.stores import opened_store


@click.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@farm_options
@json_option
def command(file: Path | None, farm: Path | None, on: tuple[str, ...], as_json: bool) -> None:
    """Make the devices of FILE known to the farm's store: a farm.toml, by default the farm's own, or an export.

    From an export (.json) come states and the audit log too. Nothing is removed. On PostgreSQL it takes the role
    ontarget_admin.
    """
    from ontarget.device_farm import exchange
    from ontarget.device_farm.identity import owner
    from ontarget.device_farm.inventory import load
    from ontarget.device_farm.leases.store import Registration
    from ontarget.harness.errors import MissingFile

    with opened_store(farm, on) as (inventory, store):
        if file is not None and file.suffix == ".json":
            try:
                found = exchange.read(file.read_text(encoding="utf-8"), str(file))
            except (OSError, UnicodeDecodeError) as error:
                raise MissingFile(
                    f"cannot read the export {file}: {error}; name a file of `ontarget farm export`"
                ) from error
            exchange.take_in(store, found, owner())
            count = len(found.devices)
        else:
            entries = (inventory if file is None else load(file)).devices
            listed = [Registration(entry.name, entry.connect, entry.kind, entry.model) for entry in entries]
            store.register(listed, owner())
            count = len(listed)
    if as_json:
        print_json({"store": inventory.store, "devices": count})
        return
    click.echo(f"{inventory.store} knows the {count} devices")
