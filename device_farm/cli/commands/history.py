"""`ontarget history`: a test over commits."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.remembering import chosen_series, complete_test, opened_memory
from ontarget.device_farm.cli.wording import change_in_words, creep_in_words, name_of, size_in_words
from ontarget.device_farm.times import rfc3339

if TYPE_CHECKING:
    from ontarget.device_farm.memory.analysis import Change
    from ontarget.device_farm.memory.memory import Memory, Series
    from ontarget.device_farm.memory.series import Point


@click.command("history")
@click.argument("test", shell_complete=complete_test)
@click.option("--device", metavar="NAME", shell_complete=complete_device, help="Only on this device.")
@click.option("--check", metavar="NAME", help="Only this check, such as latency.")
@click.option("--branch", metavar="REV", help="Only commits of this branch's own line, in git's order.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw it to a file, too.")
@farm_options
@json_option
def command(
    test: str,
    device: str | None,
    check: str | None,
    branch: str | None,
    svg: Path | None,
    farm: Path | None,
    on: tuple[str, ...],
    as_json: bool,
) -> None:
    """Draw TEST over the commits that were measured, device by device.

    Levels are in ratio to a reference kernel where that was timed, else times that effects hold together. TEST is an
    id, or one without its parameters, for all of them.
    """
    with opened_memory(farm, on) as memory:
        found = [(series, _points(memory, series, branch)) for series in chosen_series(memory, test, device, check)]
    told = [(series, points) for series, points in found if points]
    if svg is not None:
        _draw_svg(svg, told)
    if as_json:
        print_json([_record(series, points) for series, points in told])
        return
    for series, points in told:
        _draw(series, points)
    if not told:
        click.echo("no commit of it has a level yet")


def _points(memory: "Memory", series: "Series", branch: str | None) -> "list[Point]":
    from ontarget.device_farm.memory.analysis import of_commits

    points = memory.series(*series)
    if branch is None:
        return points
    from ontarget.device_farm.git import WorkTree

    order = WorkTree(Path.cwd()).first_parents(branch)
    if order is None:
        raise click.UsageError(f"--branch: expected a branch or commit of the repository here, found {branch!r}")
    return of_commits(points, order)


def _record(series: "Series", points: "Sequence[Point]") -> dict[str, Any]:
    from ontarget.device_farm.memory.analysis import changes

    test, device, check = series
    return {
        "test": test,
        "device": device,
        "check": check,
        "unit": points[-1].unit,
        "points": [point.to_json() for point in points],
        "changes": [change.to_json(points) for change in changes(points)],
    }


def _draw(series: "Series", points: "Sequence[Point]") -> None:
    from ontarget.device_farm.cli.plotting import draw
    from ontarget.device_farm.memory.analysis import changes, creeping, starts
    from ontarget.harness.statistics.rules import TARGET

    test, device, check = series
    found = changes(points)
    values, unit = _scaled(points)
    plural = "" if len(points) == 1 else "s"
    click.secho(f"{test} on {device}, {check}: {len(points)} commit{plural}", bold=True)
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size().columns
    click.echo(draw(values, starts(points, found), unit=unit, width=width, colours=colours))
    first, last = points[0], points[-1]
    click.echo(f"1 is {name_of(first)} of {rfc3339(first.at)}, {len(points)} is {name_of(last)} of {rfc3339(last.at)}")
    for line in _told(points, found):
        click.echo(line)
    creep = creeping(points, found, TARGET)
    if creep is not None:
        click.echo(creep_in_words(creep, points))
    click.echo()


def _told(points: "Sequence[Point]", found: "Sequence[Change]") -> list[str]:
    lines = [(change.index, change_in_words(change, points)) for change in found]
    lines += [
        (index, f"{index + 1}: a new history begins: {point.because}")
        for index, point in enumerate(points)
        if point.because is not None
    ]
    meant = {change.accepted(points) for change in found}
    lines += [
        (index, f"{index + 1}: {name_of(point)}, accepted ({point.accepted}): {size_in_words(point.effect)}")
        for index, point in enumerate(points)
        if point.accepted is not None and point.accepted not in meant
    ]
    return [line for _, line in sorted(lines)]


def _scaled(points: "Sequence[Point]") -> tuple[list[float], str]:
    from ontarget.device_farm.memory.series import RATIO
    from ontarget.harness.plots import scaled_unit

    unit = points[-1].unit
    if unit == RATIO:
        return [point.level for point in points], "turns"
    factor, name = scaled_unit(max(point.level for point in points), unit)
    return [point.level / factor for point in points], name


def _draw_svg(path: Path, told: "Sequence[tuple[Series, list[Point]]]") -> None:
    from ontarget.device_farm.memory.analysis import changes, starts
    from ontarget.harness.errors import MissingFile
    from ontarget.harness.plots import Panel, over_commits

    panels = []
    for (test, device, check), points in told:
        values, unit = _scaled(points)
        found = changes(points)
        marks = {change.index: size_in_words(change.size) for change in found}
        marks |= {index: "accepted" for index, point in enumerate(points) if point.accepted is not None}
        marks |= {index: "new history" for index, point in enumerate(points) if point.because is not None}
        names = tuple(name_of(point) for point in points)
        title = f"{test} on {device}, {check}"
        panels.append(Panel(title, unit, names, tuple(values), tuple(starts(points, found)), marks))
    if not panels:
        raise click.UsageError("--svg: no commit of it has a level yet")
    try:
        path.write_bytes(over_commits(panels))
    except OSError as error:
        raise MissingFile(f"cannot write {path}: {error.strerror or error}") from error
    click.echo(f"drawn to {path}", err=True)
