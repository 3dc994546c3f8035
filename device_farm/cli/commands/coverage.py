"""`ontarget coverage`: how much is tested, of what there is."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options, json_option


@click.command("coverage")
@click.argument("libraries", nargs=-1, metavar="[BINDING[=LIBRARY] | KNOWN]...")
@click.option("--markdown", is_flag=True, help="Print a Markdown table, for documents.")
@click.option(
    "--market",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SHARES.CSV",
    help="Show how much of a market the farm's models stand for: model,share,soc,cores,isa.",
)
@click.option("--have", multiple=True, metavar="MODEL", help="With --market: count this model to the farm; repeats.")
@click.option("--buy", type=click.IntRange(0, 50), default=5, show_default=True, help="With --market: how many to add.")
@click.option(
    "--by",
    "kinds",
    multiple=True,
    type=click.Choice(("soc", "core", "isa")),
    help="With --market: what to buy for; repeats. Default: all alike.",
)
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="With --market: draw it.")
@click.option("--example", is_flag=True, help="Print a table of shares to begin from: published device runs.")
@farm_options
@json_option
def command(
    libraries: tuple[str, ...],
    markdown: bool,
    market: Path | None,
    have: tuple[str, ...],
    buy: int,
    kinds: tuple[str, ...],
    svg: Path | None,
    example: bool,
    farm: Path | None,
    on: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show which operators the suites run in which data types, or how much of a market the farm stands for.

    Of each BINDING (default: all that ship) what it can run; of BINDING=LIBRARY, a shared object or a folder with it,
    what that library offers; likewise of KNOWN, a name that `ontarget library` lists.
    """
    from ontarget.device_farm.cli import kernel_coverage

    if example:
        from ontarget.device_farm.market import shares

        click.echo(shares.example(), nl=False)
        return
    if market is not None:
        from ontarget.device_farm.cli import market_coverage

        if libraries or markdown:
            raise click.UsageError("--market is about device models, BINDING and --markdown about operators")
        market_coverage.show(market, farm, on, have=have, buy=buy, kinds=kinds, svg=svg, as_json=as_json)
        return
    if have or kinds or svg is not None:
        raise click.UsageError("--have, --by and --svg say more about --market SHARES.CSV, which was not given")
    if markdown and as_json:
        raise click.UsageError("--markdown and --json were both given: one of them is printed")
    kernel_coverage.show(libraries, Path.cwd(), markdown=markdown, as_json=as_json)
