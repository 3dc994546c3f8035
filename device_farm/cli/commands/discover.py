"""`ontarget discover`: find devices and write them into a farm file."""

import os
from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options, json_option, say
from ontarget.device_farm.cli.output import print_json

_NONE_ASKED = 3


@click.command("discover")
@click.option("--write", "writing", is_flag=True, help="Append the entries to the farm file (default: ./farm.toml).")
@farm_options
@json_option
def command(writing: bool, farm: Path | None, on: tuple[str, ...], as_json: bool) -> int:
    """Ask devices what they are, and print an entry of a farm.toml for each.

    Asked are those of --on, or else this machine and the phones that are plugged in; what the farm file has already is
    left out. Exit status 3 if one could not be asked.
    """
    from ontarget.device_farm import discovery
    from ontarget.device_farm.inventory import FILE_NAME, find_inventory, load

    path = find_inventory(farm, os.environ, Path.cwd()) or Path.cwd() / FILE_NAME
    known = load(path).devices if path.exists() else ()
    words = [word for word in on or discovery.plugged_in(say) if word not in {entry.connect for entry in known}]
    devices = [discovery.ask(word, say) for word in dict.fromkeys(words)]
    entries = discovery.entries(devices, [entry.name for entry in known])
    named = dict(zip([found.connect for found in devices if found.problem is None], entries, strict=True))
    if as_json:
        print_json([{"name": named.get(found.connect), **vars(found)} for found in devices])
    else:
        for text in entries.values():
            click.echo(text)
        for port in discovery.consoles():
            click.echo(f"# a serial adapter is plugged in; if it is a device's console: console = {port!r}")
    for found in devices:
        if found.problem is not None:
            say(f"{found.connect} could not be asked: {found.problem}")
    if writing and entries:
        discovery.write(path, entries.values())
        say(f"{path}: added {', '.join(entries)}")
    elif not devices:
        say(f"nothing that {path} does not have already")
    return _NONE_ASKED if any(found.problem is not None for found in devices) else 0
