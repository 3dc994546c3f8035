"""`ontarget accept`: say that a slow-down is meant."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.options import farm_options, json_option, say
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.cli.remembering import complete_test, opened_memory
from ontarget.device_farm.times import rfc3339

if TYPE_CHECKING:
    from ontarget.device_farm.memory.acceptance import Acceptance
    from ontarget.device_farm.memory.memory import Memory


@click.command("accept")
@click.argument("test", required=False, shell_complete=complete_test)
@click.option("--commit", metavar="SHA", help="The commit that makes it slower.")
@click.option("--reason", metavar="TEXT", help="Why that is right; everybody reads it.")
@click.option("--until", metavar="DATE", help="The last day, such as 2026-12-31, or a time.")
@click.option("--check", metavar="NAME", help="Only this check, such as latency (default: all but accuracy).")
@click.option("--device", metavar="NAME", help="Only on this device.")
@click.option("--model", metavar="NAME", help="Only on devices of this model.")
@click.option("--list", "listing", is_flag=True, help="List what is accepted, and until when.")
@click.option("--all", "over", is_flag=True, help="List what has ended, too.")
@click.option("--withdraw", type=int, metavar="NUMBER", help="End an acceptance now; with --reason.")
@farm_options
@json_option
def command(
    test: str | None,
    commit: str | None,
    reason: str | None,
    until: str | None,
    check: str | None,
    device: str | None,
    model: str | None,
    listing: bool,
    over: bool,
    withdraw: int | None,
    farm: Path | None,
    on: tuple[str, ...],
    as_json: bool,
) -> None:
    """Accept that SHA makes TEST slower: until DATE it passes, and says why in every report.

    It passes where the build under test is of SHA, or of a commit that has SHA in it while the baseline's has not. TEST
    is an id, or one without its parameters, for all of them. In the test's history SHA begins a new level.
    """
    asked = {"--commit": commit, "--until": until, "--check": check, "--device": device, "--model": model}
    if listing or over:
        _refuse({"TEST": test, "--reason": reason, "--withdraw": withdraw, **asked}, "--list takes no")
        with opened_memory(farm, on) as memory:
            _print_all(memory, over, as_json)
        return
    if withdraw is not None:
        _refuse({"TEST": test, **asked}, "--withdraw takes no")
        with opened_memory(farm, on) as memory:
            _tell(_withdraw(memory, withdraw, reason), as_json)
        return
    missing = [
        name
        for name, given in {"TEST": test, "--commit": commit, "--reason": reason, "--until": until}.items()
        if not given
    ]
    if missing or test is None or commit is None or until is None:
        raise click.UsageError(f"missing: {', '.join(missing)}; or --list, or --withdraw NUMBER")
    with opened_memory(farm, on) as memory:
        _tell(_accept(memory, test, commit, _words(reason), until, check, device, model), as_json)


def _accept(
    memory: "Memory",
    test: str,
    commit: str,
    reason: str,
    until: str,
    check: str | None,
    device: str | None,
    model: str | None,
) -> "Acceptance":
    from ontarget.device_farm.identity import owner
    from ontarget.device_farm.memory.acceptance import Acceptance, parse_until
    from ontarget.device_farm.memory.finding import find_tests

    tests = find_tests(memory, test)
    known = memory.subjects(tests)
    for option, given, there in (
        ("--device", device, {found.device for found in known}),
        ("--model", model, {found.model for found in known}),
    ):
        if given is not None and given not in there:
            raise click.UsageError(
                f"{option}: {test} was never measured on {given!r}, but on {', '.join(sorted(there))}"
            )
    now = memory.now()
    return memory.accept(
        Acceptance(
            id=0,
            test=test,
            commit=_commit(commit),
            reason=reason,
            author=owner(),
            made=now,
            until=parse_until(until, now),
            metric=check,
            device=device,
            model=model,
        )
    )


def _commit(words: str) -> str:
    """The whole name, where git knows it."""
    from ontarget.device_farm.git import WorkTree
    from ontarget.device_farm.memory.acceptance import is_commit

    found = WorkTree(Path.cwd()).resolve(words)
    if found is not None:
        return found
    if not is_commit(words):
        raise click.UsageError(
            f"--commit: expected a commit's name of 7 digits or more, found {words!r}, which git does not know here"
        )
    say(f"git does not know {words} here: taken as it is typed")
    return words.lower()


def _withdraw(memory: "Memory", number: int, reason: str | None) -> "Acceptance":
    from ontarget.device_farm.identity import owner

    return memory.withdraw(number, owner(), _words(reason))


def _words(reason: str | None) -> str:
    if reason is None or not reason.strip():
        raise click.UsageError("--reason: expected words that others understand, found none")
    return reason.strip()


def _refuse(given: dict[str, object], what: str) -> None:
    extra = [name for name, value in given.items() if value is not None]
    if extra:
        raise click.UsageError(f"{what} {', '.join(extra)}")


def _tell(acceptance: "Acceptance", as_json: bool) -> None:
    if as_json:
        print_json(acceptance.to_json())
    elif acceptance.withdrawn is not None:
        click.echo(f"withdrawn: {acceptance.id}, {acceptance.test} fails again where it is slower")
    else:
        click.echo(f"accepted until {rfc3339(acceptance.until)}: {acceptance.test} by {acceptance.commit}")
        click.echo(f"withdraw it by: ontarget accept --withdraw {acceptance.id} --reason TEXT")


def _print_all(memory: "Memory", over: bool, as_json: bool) -> None:
    found = memory.acceptances(over=over)
    if as_json:
        print_json([acceptance.to_json() for acceptance in found])
        return
    headings = ("number", "test", "check", "on", "commit", "until", "author", "reason")
    print_table(headings, [_row(acceptance) for acceptance in found])


def _row(acceptance: "Acceptance") -> list[str]:
    until = rfc3339(acceptance.until)
    if acceptance.withdrawn is not None:
        until = f"withdrawn {rfc3339(acceptance.withdrawn)}: {acceptance.withdrawn_why}"
    return [
        str(acceptance.id),
        acceptance.test,
        acceptance.metric or "all but accuracy",
        acceptance.device or acceptance.model or "all",
        acceptance.commit[:12],
        until,
        acceptance.author,
        acceptance.reason,
    ]
