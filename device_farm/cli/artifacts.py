"""What the commands share that look into the artifact store."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ontarget.device_farm.cli.options import F
from ontarget.harness.errors import OntargetError

if TYPE_CHECKING:
    from ontarget.device_farm.artifacts.store import ArtifactStore


def store_options(command: F) -> F:
    """--store and --farm, as `store: str | None` and `farm: Path | None`."""
    command = click.option("--store", metavar="ADDRESS", help="The artifact store: a folder, or a URL for fsspec.")(
        command
    )
    return click.option("--farm", type=click.Path(path_type=Path), metavar="FILE", help="The farm file.")(command)


def opened_store(typed: str | None, farm: Path | None) -> "ArtifactStore":
    """The artifact store that --store and --farm mean. Raises UserError, StoreFailed."""
    from ontarget.device_farm.artifacts.opening import open_store
    from ontarget.device_farm.inventory import open_inventory

    return open_store(typed, os.environ, open_inventory(farm, (), os.environ, Path.cwd()))


def complete_commit(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Commits with a build, for the shell's completion."""
    given: Mapping[str, Any] = ctx.params
    try:
        store = opened_store(given.get("store"), given.get("farm"))
        return [commit for commit in store.commits() if commit.startswith(incomplete)]
    except (OntargetError, OSError):
        return []  # a shell that completes is no place for messages
