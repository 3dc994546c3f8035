"""`ontarget changes`: where the level of a test changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.cli.remembering import MomentType, chosen_series, complete_test, opened_memory
from ontarget.device_farm.cli.wording import interval_in_words, name_of, range_in_words, size_in_words
from ontarget.device_farm.times import rfc3339

if TYPE_CHECKING:
    from ontarget.device_farm.memory.analysis import Change, Creep
    from ontarget.device_farm.memory.memory import Series
    from ontarget.device_farm.memory.series import Point


@click.command("changes")
@click.option("--test", metavar="TEST", shell_complete=complete_test, help="Only this test (default: all).")
@click.option("--device", metavar="NAME", shell_complete=complete_device, help="Only on this device.")
@click.option("--check", metavar="NAME", help="Only this check, such as latency.")
@click.option("--since", type=MomentType(), metavar="TIME", help="Not before: a day, a time, or 30d for that long ago.")
@click.option(
    "--target",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="PERCENT",
    help="What creeps up by less than that in all is not listed.",
)
@farm_options
@json_option
def command(
    test: str | None,
    device: str | None,
    check: str | None,
    since: float | None,
    target: float,
    farm: Path | None,
    on: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the commits with which a test became slower or faster for good, the newest first.

    A level that creeps up with many commits, each by less than would be noticed, is listed with the first and the last
    of them. History proposes: comparing builds of both ends of the range is what proves it (`ontarget bisect`).
    """
    from ontarget.device_farm.memory.analysis import changes, creeping

    found: list[tuple[Series, list[Point], Change | Creep]] = []
    with opened_memory(farm, on) as memory:
        for series in chosen_series(memory, test, device, check):
            points = memory.series(*series)
            steps = changes(points)
            creep = creeping(points, steps, target / 100)
            found += [(series, points, step) for step in steps]
            if creep is not None:
                found.append((series, points, creep))
    listed = [_record(*entry) for entry in found]
    order = sorted(range(len(found)), key=lambda place: listed[place]["time"], reverse=True)
    order = [place for place in order if since is None or listed[place]["time"] >= rfc3339(since)]
    if as_json:
        print_json([listed[place] for place in order])
    elif not order:
        click.echo("no change of level is known")
    else:
        headings = ("time", "size", "by chance", "commits", "test", "device", "check", "accepted")
        print_table(headings, [_row(*found[place], listed[place]) for place in order])


def _record(series: "Series", points: "list[Point]", entry: "Change | Creep") -> dict[str, Any]:
    test, device, check = series
    return {"test": test, "device": device, "check": check, **entry.to_json(points)}


def _row(series: "Series", points: "list[Point]", entry: "Change | Creep", record: dict[str, Any]) -> list[str]:
    from ontarget.device_farm.memory.analysis import Change

    if isinstance(entry, Change):
        commits = range_in_words(entry, points)
    else:
        commits = f"creeping from {name_of(points[entry.begin])} to {name_of(points[-1])}"
    return [
        record["time"],
        f"{size_in_words(entry.size)} ({interval_in_words(entry.low, entry.high)})",
        "below 0.01 %" if entry.p_value < 0.0001 else f"{100 * entry.p_value:.2g} %",
        commits,
        *series,
        str(record["accepted"] or ""),
    ]
