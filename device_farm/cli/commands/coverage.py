"""`ontarget coverage`: how much is tested, of what there is."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import json_option


@click.command("coverage")
@click.argument("libraries", nargs=-1, metavar="[BINDING[=LIBRARY]]...")
@click.option("--markdown", is_flag=True, help="Print a Markdown table, for documents.")
@json_option
def command(libraries: tuple[str, ...], markdown: bool, as_json: bool) -> None:
    """Show which operators the suites run in which data types.

    Of each BINDING (default: all that ship) what it can run; of BINDING=LIBRARY, a shared object or a folder with it,
    what that library offers.
    """
    from ontarget.device_farm.cli import kernel_coverage

    if markdown and as_json:
        raise click.UsageError("--markdown and --json were both given: one of them is printed")
    kernel_coverage.show(libraries, Path.cwd(), markdown=markdown, as_json=as_json)
