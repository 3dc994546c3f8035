"""`ontarget artifact get`: a build as files."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.artifacts import complete_commit, opened_store, store_options
from ontarget.device_farm.cli.options import json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.harness.abi import Abi

if TYPE_CHECKING:
    from ontarget.device_farm.artifacts.manifest import Manifest
    from ontarget.device_farm.artifacts.store import ArtifactStore


@click.command("get")
@click.argument("commit", shell_complete=complete_commit)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="Where to.")
@click.option("--abi", type=click.Choice([str(abi) for abi in Abi]), help="Only for this ABI.")
@store_options
@json_option
def command(commit: str, to: Path, abi: str | None, farm: Path | None, store: str | None, as_json: bool) -> None:
    """Copy the builds of COMMIT to DIR/ABI/, each file verified by its digest.

    COMMIT is what git knows here, or the beginning of a name that has a build.
    """
    from ontarget.device_farm.errors import NoSuchArtifact
    from ontarget.device_farm.git import WorkTree

    opened = opened_store(store, farm)
    whole = opened.find(commit, WorkTree(Path.cwd()).resolve)
    manifests = opened.manifests(whole) if abi is None else [opened.require(whole, Abi(abi))]
    if not manifests:
        raise NoSuchArtifact(
            f"expected a build of {whole[:12]} in {opened.name}, found none. "
            f"Add it: ontarget artifact add {whole[:12]} PATH"
        )
    found = {str(manifest.abi): _copied(opened, manifest, to / manifest.abi) for manifest in manifests}
    if as_json:
        print_json({"commit": whole, "files": {abi: [str(path) for path in paths] for abi, paths in found.items()}})
        return
    for paths in found.values():
        for path in paths:
            click.echo(path)


def _copied(store: "ArtifactStore", manifest: "Manifest", folder: Path) -> list[Path]:
    """Put each file in its place whole, so that nobody finds half a library."""
    from ontarget.harness.errors import MissingFile

    try:
        with store.fetched(manifest, folder) as fetched:
            folder.mkdir(parents=True, exist_ok=True)
            for file in manifest.files:
                shutil.move(fetched / file.name, folder / file.name)
    except OSError as error:
        raise MissingFile(f"cannot write to {folder}: {error.strerror or error}") from error
    return [folder / file.name for file in manifest.files]
