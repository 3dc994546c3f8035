"""`ontarget report`: what a run found, as a page or as a comment on a change."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.ci_job import REPORT_VARIABLE, CiJob, ci_job
from ontarget.device_farm.cli.commands.serve import check_commit_url
from ontarget.device_farm.cli.options import farm_options, say

if TYPE_CHECKING:
    from ontarget.device_farm.reports.view import RunView
    from ontarget.device_farm.web.report import Source


@click.command("report")
@click.option(
    "--results",
    default=".",
    metavar="PATH|RUN",
    help="ontarget-results.json or its folder (default: this one), or a run of the store by its id or commit.",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write one HTML file.")
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write a comment for the change; - prints it.",
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write figures as OpenMetrics, for GitLab's metrics report; - prints them.",
)
@click.option("--link", "links", multiple=True, metavar="WORDS=URL", help="A link at the comment's end; repeats.")
@click.option(
    "--commit-url",
    default="",
    metavar="URL",
    help="A commit's page: https://HOST/REPO/commit/{commit} (default: what the CI job's variables say).",
)
@farm_options
def command(
    results: str,
    html: Path | None,
    markdown: Path | None,
    metrics: Path | None,
    links: tuple[str, ...],
    commit_url: str,
    farm: Path | None,
    on: tuple[str, ...],
) -> None:
    """Tell what a run found: regressions first, then models and operators, then each check.

    The store of the farm adds the history of what failed, where it remembers the tests.
    """
    if html is None and markdown is None and metrics is None:
        raise click.UsageError("nothing was asked for: name a file by --html, --markdown or --metrics (- prints it)")
    check_commit_url(commit_url)
    job = ci_job(os.environ)
    commit_url = commit_url or (f"{job.commits}{{commit}}" if job is not None and job.commits else "")
    with _found(results, farm, on) as (view, source):
        if html is not None:
            from ontarget.device_farm.web.report import as_html

            _write(html, as_html(view, source, commits=commit_url))
            say(f"{html}: {len(view.failed)} of {len(view.checks)} checks failed")
        if markdown is not None:
            from ontarget.device_farm.reports.markdown import as_markdown
            from ontarget.device_farm.web.site import commit_address

            page = commit_address(commit_url, view.results.commit)
            _write(markdown, as_markdown(view, commit_url=page, links=_with_job(links, job)))
        if metrics is not None:
            from ontarget.device_farm.reports.metrics import as_metrics

            _write(metrics, as_metrics(view))


def _with_job(links: tuple[str, ...], job: CiJob | None) -> dict[str, str]:
    """The links that were typed, then the report and the job where the service's variables tell of them."""
    found = _parsed(links)
    report = os.environ.get(REPORT_VARIABLE, "")
    if report.startswith(("https://", "http://")):
        found.setdefault("report", report)
    if job is not None and job.url.startswith(("https://", "http://")):
        found.setdefault("job", job.url)
    return found


def _parsed(links: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for link in links:
        words, separator, address = link.partition("=")
        if not (words and separator and address.startswith(("https://", "http://"))):
            raise click.UsageError(f"--link: expected WORDS=https://..., found {link!r}")
        found[words] = address
    return found


@contextmanager
def _found(words: str, farm: Path | None, on: tuple[str, ...]) -> "Iterator[tuple[RunView, Source | None]]":
    """The run that is meant, and the store beside it. Raises MissingFile, BadResults, NoSuchRun, StoreFailed."""
    from ontarget.device_farm.reports.reading import read_results
    from ontarget.device_farm.reports.view import RunView

    path = Path(words)
    if not path.exists() and path.suffix != ".json" and path.name == words:
        with _source(farm, on) as source:
            from ontarget.device_farm.web.site import view_of

            yield view_of(source.overview, source.overview.run(words)), source
        return
    view = RunView(read_results(path))
    with _source_or_none(farm, on) as found:
        yield (view if found is None else found.completed(view)), found


@contextmanager
def _source(farm: Path | None, on: tuple[str, ...]) -> "Iterator[Source]":
    from ontarget.device_farm.database import open_database
    from ontarget.device_farm.memory.finding import memory_address
    from ontarget.device_farm.memory.memory import Memory
    from ontarget.device_farm.memory.overview import Overview
    from ontarget.device_farm.own import inventory_for
    from ontarget.device_farm.web.report import Source

    database = open_database(memory_address(inventory_for(farm, on, os.environ, Path.cwd()).store))
    try:
        yield Source(Memory(database), Overview(database))
    finally:
        database.close()


@contextmanager
def _source_or_none(farm: Path | None, on: tuple[str, ...]) -> "Iterator[Source | None]":
    """A file says enough by itself: a store that cannot be opened is told, and done without."""
    from ontarget.device_farm.errors import StoreFailed

    opening = _source(farm, on)
    try:
        source = opening.__enter__()
    except StoreFailed as error:
        say(f"no histories are in the report: {error}")
        yield None
        return
    try:
        yield source
    finally:
        opening.__exit__(None, None, None)


def _write(path: Path, text: str) -> None:
    from ontarget.harness.errors import MissingFile

    if str(path) == "-":
        click.echo(text, nl=False)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MissingFile(f"cannot write {path}: {error.strerror or error}") from error
