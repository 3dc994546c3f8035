"""`ontarget artifact add`: keep a build."""

from pathlib import Path

import click

from ontarget.device_farm.cli.artifacts import opened_store, store_options
from ontarget.device_farm.cli.options import json_option
from ontarget.device_farm.cli.output import print_json


@click.command("add")
@click.argument("commit")
@click.argument("paths", nargs=-1, required=True, metavar="[ABI=]PATH...")
@click.option("--replace", is_flag=True, help="Overwrite another build of the same commit and ABI.")
@store_options
@json_option
def command(
    commit: str, paths: tuple[str, ...], replace: bool, farm: Path | None, store: str | None, as_json: bool
) -> None:
    """Keep PATH as the build of COMMIT.

    PATH is a library, which takes along what it needs of its neighbours, or a folder of shared objects. COMMIT is what
    git knows here, or its whole name. The same again changes nothing.
    """
    from ontarget.device_farm.artifacts.adding import gathered
    from ontarget.device_farm.artifacts.manifest import COMMIT
    from ontarget.device_farm.errors import NoSuchCommit
    from ontarget.device_farm.git import WorkTree

    whole = commit.lower() if COMMIT.fullmatch(commit.lower()) else WorkTree(Path.cwd()).resolve(commit)
    if whole is None:
        raise NoSuchCommit(
            f"expected a commit of the repository here, or the whole name of one (40 digits), found {commit!r}"
        )
    builds = gathered(paths)
    opened = opened_store(store, farm)
    added = [opened.add(whole, build, replace=replace) for build in builds]
    if as_json:
        print_json([manifest.to_json() for manifest in added])
        return
    for manifest in added:
        names = ", ".join(file.name for file in manifest.files)
        click.echo(f"{whole[:12]} for {manifest.abi}: {names} ({manifest.size} bytes) in {opened.name}")
