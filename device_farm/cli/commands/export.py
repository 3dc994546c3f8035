"""`ontarget export`: what is remembered, for other tools."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options, say
from ontarget.device_farm.cli.remembering import MomentType, complete_test, opened_memory

_ENDINGS = (".parquet", ".csv")


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--rows",
    type=click.Choice(["comparisons", "pairs", "samples"]),
    default="comparisons",
    show_default=True,
    help="What a row is: a comparison with its verdict, a launch pair, or a single sample.",
)
@click.option("--test", metavar="TEST", shell_complete=complete_test, help="Only this test (default: all).")
@click.option("--device", metavar="NAME", help="Only what was measured on this device.")
@click.option("--check", metavar="NAME", help="Only this check, such as latency.")
@click.option("--since", type=MomentType(), metavar="TIME", help="Not before: a day, a time, or 30d for that long ago.")
@click.option("--until", type=MomentType(), metavar="TIME", help="Before: a day, a time, or 30d for that long ago.")
@farm_options
def command(
    file: Path,
    rows: str,
    test: str | None,
    device: str | None,
    check: str | None,
    since: float | None,
    until: float | None,
    farm: Path | None,
    on: tuple[str, ...],
) -> None:
    """Write what the store remembers to FILE: Parquet if it ends in .parquet, CSV if in .csv.

    Without options that is all of it. Times are in UTC, effects are candidate/baseline - 1.
    """
    from ontarget.device_farm.errors import StoreFailed
    from ontarget.device_farm.memory.export import Rows, Wanted
    from ontarget.device_farm.memory.finding import find_tests
    from ontarget.harness.errors import MissingFile

    if file.suffix not in _ENDINGS:
        raise click.UsageError(f"FILE: expected a name that ends in {' or '.join(_ENDINGS)}, found {str(file)!r}")
    damaged: list[str] = []

    def skipped(why: str) -> None:
        damaged.append(why)
        say(why)

    with opened_memory(farm, on) as memory:
        wanted = Wanted(None if test is None else find_tests(memory, test), device, check, since, until)
        try:
            count = memory.export(file, Rows(rows), wanted, skipped)
        except OSError as error:
            raise MissingFile(f"cannot write {file}: {error.strerror or error}") from error
    click.echo(f"{count} {rows} written to {file}")
    if damaged:
        raise StoreFailed(f"the samples of {len(damaged)} comparisons are damaged and were left out")
