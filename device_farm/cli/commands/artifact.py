"""`ontarget artifact`: builds by commit and ABI."""

import click

from ontarget.device_farm.cli import artifact_commands
from ontarget.device_farm.cli.folders import CommandFolder


@click.command("artifact", cls=CommandFolder, folder=artifact_commands)
def command() -> None:
    """Keep builds by commit and ABI: for --baseline commit:SHA, and for bisecting without rebuilding.

    The store is that of --store, of $ONTARGET_ARTIFACTS or of the farm file's `artifacts`; without any it is your own.
    It is a folder, or any URL that fsspec knows, such as s3://bucket/folder (with the library that this needs).
    """
