"""How much of a market the farm stands for, as `ontarget coverage --market` prints it."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from ontarget.device_farm.cli.options import say
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.market import coverage, shares
from ontarget.device_farm.market.coverage import Standing

_WORDS = {"soc": "SoCs", "core": "cores", "isa": "ISA features"}
_MOST_MISSING = 5


def show(
    table: Path,
    farm: Path | None,
    on: Sequence[str],
    *,
    have: Sequence[str],
    buy: int,
    kinds: Sequence[str],
    svg: Path | None,
    as_json: bool,
) -> None:
    """Print it. Raises BadShares for the table, and what opening the farm raises."""
    market = shares.read(table)
    found = coverage.standing(market, {*_models(farm, on), *have}, buy=buy, kinds=kinds or shares.KINDS)
    if svg is not None:
        _draw(svg, found)
    if as_json:
        print_json(_record(found))
        return
    if found.unknown:
        say(
            f"not in {table}: {', '.join(found.unknown)}; add a row with share 0 for each, so that it counts what they "
            "stand for"
        )
    click.echo(f"{', '.join(found.known) or 'no model of the table'}: {_in_words(found.shares)}")
    for kind in found.kinds:
        lacking = [f"{name} ({share:.1%})" for (of, name), share in found.missing if of == kind]
        more = f" and {len(lacking) - _MOST_MISSING} more" if len(lacking) > _MOST_MISSING else ""
        if lacking:
            click.echo(f"{_WORDS[kind]} without a device: {', '.join(lacking[:_MOST_MISSING])}{more}")
    if not found.next:
        click.echo("no model of the table would add to that")
        return
    print_table(("buy", "models", *(_WORDS[kind] for kind in shares.KINDS), "of all", "at most"), _rows(found))


def _models(farm: Path | None, on: Sequence[str]) -> set[str]:
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.own import inventory_for

    with Farm.open(inventory_for(farm, on, os.environ, Path.cwd())) as opened:
        return {status.model for status in opened.statuses() if status.model is not None}


def _in_words(found: dict[str, float]) -> str:
    return ", ".join(f"{share:.1%} of {_WORDS[kind]}" for kind, share in found.items())


def _rows(found: Standing) -> list[list[str]]:
    rows = []
    for step in found.next:
        choice = step.choice
        each = [f"{step.shares[kind]:.1%}" for kind in shares.KINDS]
        bound = "nothing is better" if choice.exact else f"{choice.bound:.1%}"
        rows.append([str(len(choice.names)), ", ".join(choice.names), *each, f"{choice.covered:.1%}", bound])
    return rows


def _record(found: Standing) -> dict[str, object]:
    return {
        "by": found.kinds,
        "models": found.known,
        "not_in_the_table": found.unknown,
        "shares": found.shares,
        "missing": [{"kind": kind, "name": name, "share": share} for (kind, name), share in found.missing],
        "buy": [
            {
                "models": step.choice.names,
                "shares": step.shares,
                "covered": step.choice.covered,
                "at_most": step.choice.bound,
                "exact": step.choice.exact,
            }
            for step in found.next
        ],
    }


def _draw(path: Path, found: Standing) -> None:
    from ontarget.harness.errors import UserError
    from ontarget.harness.plots.growth import Growth, growing

    steps = [("now", found.shares), *((f"+{len(step.choice.names)}", step.shares) for step in found.next)]
    lines = {_WORDS[kind]: [step[kind] for _, step in steps] for kind in shares.KINDS}
    picture = growing(Growth("share of the market, by models bought", [name for name, _ in steps], lines))
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise UserError(f"cannot write the picture to {path}: {error}") from error
