"""`ontarget prune`: let samples go that nothing rests on."""

from pathlib import Path

import click

from ontarget.device_farm.cli.options import DurationType, farm_options, json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.remembering import opened_memory
from ontarget.device_farm.durations import format_duration

_AGE = 90 * 86400.0


@click.command("prune")
@click.option(
    "--older-than",
    type=DurationType(),
    default=_AGE,
    show_default=format_duration(_AGE),
    metavar="DURATION",
    help="Samples of less than that age stay.",
)
@click.option(
    "--keep-newest",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="So many comparisons of each history keep their samples, however old.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go.")
@farm_options
@json_option
def command(
    older_than: float, keep_newest: int, dry_run: bool, farm: Path | None, on: tuple[str, ...], as_json: bool
) -> None:
    """Let old samples go, and keep what verdicts rest on.

    Summaries and the pairs' differences stay for good. So do the samples of what regressed, improved or was accepted,
    of comparisons of identical builds, of bisecting, and of the newest in each history.
    """
    from ontarget.device_farm.identity import owner
    from ontarget.device_farm.memory.pruning import Policy

    with opened_memory(farm, on) as memory:
        done = memory.prune(Policy(older_than, keep_newest), author=owner(), only_look=dry_run)
    if as_json:
        print_json({"pruned": done.comparisons, "bytes": done.bytes, "kept": done.kept, "dry_run": dry_run})
        return
    verb = "would go" if dry_run else "are gone"
    click.echo(
        f"the samples of {done.comparisons} comparisons {verb}, {done.bytes / 1e6:.1f} MB; {done.kept} keep theirs"
    )
