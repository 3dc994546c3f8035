"""`ontarget library`: known libraries, as folders for --candidate and --baseline."""

import platform
from collections.abc import Sequence

import click

from ontarget.device_farm.cli.options import json_option, say
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.harness.abi import Abi


def _complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Sequence[str]:
    from ontarget.device_farm.libraries import LIBRARIES

    return [name for name in LIBRARIES if name.startswith(incomplete)]


@click.command("library")
@click.argument("name", required=False, shell_complete=_complete)
@click.option("--abi", type=click.Choice([str(abi) for abi in Abi]), help="For which devices (default: this machine).")
@json_option
def command(name: str | None, abi: str | None, as_json: bool) -> None:
    """Fetch the library NAME and print its folder, for --candidate or --baseline; without a name, list what there is.

    It goes into your cache, and nothing is installed.
    """
    from ontarget.device_farm.libraries import LIBRARIES, fetch

    if name is None:
        if as_json:
            print_json([{"name": one.name, "binding": one.binding, "about": one.about} for one in LIBRARIES.values()])
        else:
            rows = [(one.name, one.binding, one.about) for one in LIBRARIES.values()]
            print_table(("name", "binding", "about"), rows)
        return
    machine = platform.machine()
    if abi is None and machine not in Abi.__members__.values():
        raise click.UsageError(f"expected --abi: this machine is a {machine}, which is none of {', '.join(Abi)}")
    folder = fetch(name, Abi(abi or machine), progress=say)
    if as_json:
        print_json({"name": name, "binding": LIBRARIES[name].binding, "folder": str(folder)})
    else:
        click.echo(folder)
