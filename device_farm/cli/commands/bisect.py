"""`ontarget bisect`: which commit made a test slower, or wrong."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.options import farm_options, json_option, say
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.cli.remembering import complete_test

if TYPE_CHECKING:
    from ontarget.device_farm.git import WorkTree

FAILED = 1


@click.command("bisect")
@click.argument("test", shell_complete=complete_test)
@click.argument("options", nargs=-1, metavar="[-- PYTEST_OPTIONS]")
@click.option("--good", required=True, metavar="REV", help="A commit before it.")
@click.option("--bad", required=True, metavar="REV", help="A commit that has it.")
@click.option(
    "--build",
    metavar="COMMAND",
    help="How to build a commit that has no build, in a work tree of it; {out} is the folder for the libraries.",
)
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="The library's repository (default: the one here).",
)
@click.option("--check", type=click.Choice(["accuracy", "latency"]), help="What is bad (default: found out).")
@click.option("--budget", type=click.IntRange(min=20), default=600, show_default=True, help="The most launch pairs.")
@click.option("--fresh", is_flag=True, help="Start over, instead of going on where an interrupted search was.")
@click.option("--store", metavar="ADDRESS", help="The artifact store: a folder, or a URL for fsspec.")
@farm_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    test: str,
    options: tuple[str, ...],
    good: str,
    bad: str,
    build: str | None,
    repo: Path,
    check: str | None,
    budget: int,
    fresh: bool,
    store: str | None,
    farm: Path | None,
    on: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find the commit after GOOD, up to BAD, with which TEST became slower, or wrong.

    TEST is an id of the results, or pytest's name of it: one test on one model. Commits are those of BAD's own line,
    where a merge is one. Builds are taken from the artifact store, else made by --build and kept there; commits that
    don't build are stepped around. Interrupted, the same command goes on where it was.
    """
    from ontarget.device_farm.artifacts.opening import VARIABLE, open_store, store_address
    from ontarget.device_farm.bisect.building import Builder
    from ontarget.device_farm.bisect.measuring import Measurer
    from ontarget.device_farm.bisect.naming import pytest_words
    from ontarget.device_farm.bisect.report import lines, record
    from ontarget.device_farm.bisect.search import Driver
    from ontarget.device_farm.bisect.state import Kind, StateFolder
    from ontarget.device_farm.git import WorkTree
    from ontarget.device_farm.inventory import open_inventory
    from ontarget.harness.statistics.bisection import Result

    here = Path.cwd()
    inventory = open_inventory(farm, on, os.environ, here)
    if inventory is None:
        raise click.UsageError("no device was given: expected --on DEVICE or --farm FILE")
    tree = WorkTree(repo)
    commits = _commits(tree, good, bad)
    words = [*pytest_words(test, here), *_device_words(farm, on), *options]
    address = store_address(store, os.environ, inventory)
    kept = open_store(address, {}, None)
    if "://" not in address:
        address = str(Path(address).expanduser().absolute())
    key = [test, commits[0], commits[-1], str(repo.resolve()), check, words, budget]
    with StateFolder.of(key) as state:
        if fresh:
            state.forget()
        log = state.path / "pytest.log"
        log.unlink(missing_ok=True)
        say(f"{len(commits) - 1} commits after {commits[0][:12]}; what pytest says is in {log}")
        measurer = Measurer(words, commits[0], here, log, {**os.environ, VARIABLE: address})
        with Builder(repo, kept, build, state.path, say) as builder:
            try:
                driver = Driver(commits, builder, measurer, state, say, budget, None if check is None else Kind(check))
                progress, answer = driver.run()
            finally:
                measurer.close()
        state.forget()
    if as_json:
        print_json(record(test, progress, answer, built=builder.built))
    else:
        for line in lines(test, progress, answer, tree.subject):
            click.echo(line)
    if answer.result is not Result.FOUND:
        ctx.exit(FAILED)


def _device_words(farm: Path | None, on: tuple[str, ...]) -> list[str]:
    return [
        *(() if farm is None else ("--farm", str(farm.absolute()))),
        *(word for one in on for word in ("--on", one)),
    ]


def _commit(tree: "WorkTree", option: str, words: str) -> str:
    from ontarget.device_farm.errors import NoSuchCommit

    found = tree.resolve(words)
    if found is None:
        raise NoSuchCommit(
            f"--{option}: expected a commit of the repository at {tree.folder.resolve()}, found {words!r}"
        )
    return found


def _commits(tree: "WorkTree", good: str, bad: str) -> list[str]:
    """The good commit and those after it, up to the bad one. Raises NoSuchCommit."""
    from ontarget.device_farm.errors import NoSuchCommit

    first, last = _commit(tree, "good", good), _commit(tree, "bad", bad)
    if first == last:
        raise NoSuchCommit(f"expected two commits, found {first[:12]} for both --good and --bad")
    if not tree.is_ancestor(first, last):
        turned = " (it is the other way round: exchange the two)" if tree.is_ancestor(last, first) else ""
        raise NoSuchCommit(f"expected --good {first[:12]} to be an ancestor of --bad {last[:12]}, it is none{turned}")
    between = tree.between(first, last)
    if not between:
        raise NoSuchCommit(f"git lists no commits between {first[:12]} and {last[:12]} in {tree.folder}")
    return [first, *between]
