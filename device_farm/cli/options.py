"""Options and argument types that several commands share."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ontarget.device_farm.durations import format_duration, parse_duration
from ontarget.device_farm.errors import BadDuration
from ontarget.harness.errors import OntargetError

LEASE_VARIABLE: Final = "ONTARGET_LEASE"
F = TypeVar("F", bound=Callable[..., Any])


class DurationType(click.ParamType[float]):
    """`90s`, `10m`, `2h`, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except BadDuration as error:
            self.fail(str(error), param, ctx)


class RequirementType(click.ParamType[tuple[str, str]]):
    """`KEY=VALUE`, as a pair."""

    name = "requirement"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, separator, wanted = str(value).partition("=")
        if not (key and separator and wanted):
            self.fail(f"{value!r} is no KEY=VALUE, such as model=raspberry-pi-4b", param, ctx)
        return key, wanted


def farm_options(command: F) -> F:
    """--farm and --on, as `farm: Path | None` and `on: tuple[str, ...]`."""
    command = click.option(
        "--on",
        multiple=True,
        metavar="DEVICE",
        help="A device, without a file: local, ssh:[user@]host[:port], adb:SERIAL[@host:port], board:MODEL; repeats.",
    )(command)
    return click.option("--farm", type=click.Path(path_type=Path), metavar="FILE", help="The farm file.")(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def wait_option(default: float) -> Callable[[F], F]:
    return click.option(
        "--wait",
        type=DurationType(),
        default=default,
        show_default=format_duration(default),
        metavar="DURATION",
        help="How long to wait for a busy device.",
    )


def say(message: str) -> None:
    """Tell the user what is going on, apart from what was asked for."""
    click.echo(f"ontarget: {message}", err=True)


def complete_device(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the farm's devices, for the shell's completion."""
    from ontarget.device_farm.own import inventory_for

    given: Mapping[str, Any] = ctx.params
    try:
        inventory = inventory_for(given.get("farm"), given.get("on") or (), os.environ, Path.cwd())
    except (OntargetError, OSError):
        return []  # a shell that completes is no place for messages
    return [entry.name for entry in inventory.devices if entry.name.startswith(incomplete)]


def is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
