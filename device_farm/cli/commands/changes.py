"""`ontarget changes`: where the level of a test changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.cli.remembering import MomentType, chosen_series, complete_test, opened_memory
from ontarget.device_farm.cli.wording import range_in_words, size_in_words
from ontarget.device_farm.times import rfc3339

if TYPE_CHECKING:
    from ontarget.device_farm.memory.analysis import Change
    from ontarget.device_farm.memory.memory import Series
    from ontarget.device_farm.memory.series import Point


@click.command("changes")
@click.option("--test", metavar="TEST", shell_complete=complete_test, help="Only this test (default: all).")
@click.option("--device", metavar="NAME", shell_complete=complete_device, help="Only on this device.")
@click.option("--check", metavar="NAME", help="Only this check, such as latency.")
@click.option("--since", type=MomentType(), metavar="TIME", help="Not before: a day, a time, or 30d for that long ago.")
@farm_options
@json_option
def command(
    test: str | None,
    device: str | None,
    check: str | None,
    since: float | None,
    farm: Path | None,
    on: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the commits with which a test became slower or faster for good, the newest first.

    History proposes: comparing builds of both ends of the range is what proves it (`ontarget bisect`).
    """
    from ontarget.device_farm.memory.analysis import changes

    with opened_memory(farm, on) as memory:
        found = [
            (series, points, change)
            for series in chosen_series(memory, test, device, check)
            for points in [memory.series(*series)]
            for change in changes(points)
            if since is None or points[change.index].at >= since
        ]
    found.sort(key=lambda entry: -entry[1][entry[2].index].at)
    if as_json:
        print_json([_record(*entry) for entry in found])
        return
    if not found:
        click.echo("no change of level is known")
        return
    headings = ("time", "size", "by chance", "commits", "test", "device", "check", "accepted")
    print_table(headings, [_row(*entry) for entry in found])


def _record(series: "Series", points: "list[Point]", change: "Change") -> dict[str, Any]:
    test, device, check = series
    return {"test": test, "device": device, "check": check, **change.to_json(points)}


def _row(series: "Series", points: "list[Point]", change: "Change") -> list[str]:
    test, device, check = series
    accepted = change.accepted(points)
    low, high = size_in_words(change.low).removesuffix(" %"), size_in_words(change.high)
    return [
        rfc3339(points[change.index].at),
        f"{size_in_words(change.size)} ({low} to {high})",
        "below 0.01 %" if change.p_value < 0.0001 else f"{100 * change.p_value:.2g} %",
        range_in_words(change, points),
        test,
        device,
        check,
        "" if accepted is None else str(accepted),
    ]
