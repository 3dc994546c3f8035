"""`ontarget farm`: look after what a farm's processes share."""

import click

from ontarget.device_farm.cli import farm_commands
from ontarget.device_farm.cli.folders import CommandFolder


@click.command("farm", cls=CommandFolder, folder=farm_commands)
def command() -> None:
    """Look after the farm: its store, the devices in it and their states."""
