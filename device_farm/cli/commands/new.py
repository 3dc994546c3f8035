"""`ontarget new`: files to begin with."""

import click

from ontarget.device_farm.cli import new_commands
from ontarget.device_farm.cli.folders import CommandFolder


@click.command("new", cls=CommandFolder, folder=new_commands)
def command() -> None:
    """Write files to begin with into the current folder; what is there already is never overwritten."""
