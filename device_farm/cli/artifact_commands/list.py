"""`ontarget artifact list`: what is kept."""

from pathlib import Path

import click

from ontarget.device_farm.cli.artifacts import complete_commit, opened_store, store_options
from ontarget.device_farm.cli.options import json_option
from ontarget.device_farm.cli.output import print_json, print_table


@click.command("list")
@click.argument("commit", required=False, shell_complete=complete_commit)
@store_options
@json_option
def command(commit: str | None, farm: Path | None, store: str | None, as_json: bool) -> None:
    """List the builds that are kept (of COMMIT), the newest first."""
    from ontarget.device_farm.git import WorkTree

    opened = opened_store(store, farm)
    whole = None if commit is None else opened.find(commit, WorkTree(Path.cwd()).resolve)
    found = opened.manifests(whole)
    if as_json:
        print_json([manifest.to_json() for manifest in found])
        return
    if not found:
        click.echo(f"no build is kept in {opened.name}")
        return
    print_table(
        ("commit", "abi", "files", "bytes", "toolchain", "added"),
        [
            (
                manifest.commit[:12],
                manifest.abi,
                ", ".join(file.name for file in manifest.files),
                str(manifest.size),
                manifest.toolchain,
                manifest.added,
            )
            for manifest in found
        ],
    )
