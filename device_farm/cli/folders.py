"""Groups of commands that are folders: a file in one is a command, imported when it is typed."""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

import click


class CommandFolder(click.Group):
    """The commands in a package, each the `command` of its module, in alphabetical order."""

    def __init__(self, *arguments: Any, folder: ModuleType, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._folder = folder

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        # a module may not be called `import`
        return sorted(module.name.removesuffix("_") for module in pkgutil.iter_modules(self._folder.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        modules = {module.name.removesuffix("_"): module.name for module in pkgutil.iter_modules(self._folder.__path__)}
        found = import_module(f"{self._folder.__name__}.{modules[cmd_name]}").command
        if not isinstance(found, click.Command):
            raise TypeError(f"{cmd_name}.command is no click command")
        return found
