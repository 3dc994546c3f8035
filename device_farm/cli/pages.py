"""What the commands share that show a farm: its site, opened, and the packages that this needs."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ontarget.device_farm.errors import MissingExtra

if TYPE_CHECKING:
    from ontarget.device_farm.web.site import Site

_NEEDED = ("starlette", "uvicorn", "prometheus_client")


@contextmanager
def opened_site(
    farm: Path | None, on: tuple[str, ...], *, commits: str = "", repository: Path | None = None
) -> "Iterator[Site]":
    """The farm that is meant, as pages show it. Raises MissingExtra, UserError, StoreFailed."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"this needs {', '.join(missing)}: pip install 'ontarget[serve]'")
    from ontarget.device_farm.database import open_database
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.git import WorkTree
    from ontarget.device_farm.memory.finding import memory_address
    from ontarget.device_farm.memory.memory import Memory
    from ontarget.device_farm.memory.overview import Overview
    from ontarget.device_farm.own import inventory_for
    from ontarget.device_farm.web.site import Site

    inventory = inventory_for(farm, on, os.environ, Path.cwd())
    with ExitStack() as closing:
        opened = closing.enter_context(Farm.open(inventory))
        database = open_database(memory_address(inventory.store))
        closing.callback(database.close)
        tree = None if repository is None else WorkTree(repository)
        yield Site(opened, Memory(database), Overview(database), commits, tree)
