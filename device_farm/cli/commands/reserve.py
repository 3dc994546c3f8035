"""`ontarget reserve`: take a device and keep it."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from ontarget.device_farm.cli.options import (
    DurationType,
    RequirementType,
    farm_options,
    json_option,
    say,
    wait_option,
)
from ontarget.device_farm.cli.output import print_json
from ontarget.device_farm.leases.store import PRIORITIES
from ontarget.device_farm.times import rfc3339


@click.command("reserve")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]... [+ [KEY=VALUE]...]...")
@click.option("--count", type=click.IntRange(min=1), default=1, help="How many such devices, together or not at all.")
@click.option(
    "--for",
    "ttl",
    type=DurationType(),
    default=1800.0,
    show_default="30m",
    metavar="DURATION",
    help="How long to hold it.",
)
@wait_option(0.0)
@click.option(
    "--priority",
    type=click.IntRange(-PRIORITIES, PRIORITIES),
    default=0,
    help="Among those who wait, larger goes first.",
)
@click.option("--purpose", metavar="TEXT", help="What others read who want the device (default: the CI job's address).")
@farm_options
@json_option
def command(
    words: tuple[str, ...],
    count: int,
    ttl: float,
    wait: float,
    priority: int,
    purpose: str | None,
    farm: Path | None,
    on: tuple[str, ...],
    as_json: bool,
) -> None:
    """Reserve a device that has all that is required, and print its lease.

    KEY is name, model, abi, cpu or a tag of the farm file. The device is held for the time given, whatever runs or
    does not; give it back earlier with `ontarget release LEASE`.

    A word + begins what is required of a further device: `model=pixel-8 + model=pixel-9`. Several devices are granted
    together or not at all, each with a lease of its own; with --json they are a list.
    """
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.own import inventory_for

    wanted = _wanted(words) * count
    if ttl <= 0:
        raise click.UsageError("--for takes a duration above 0")
    with Farm.open(inventory_for(farm, on, os.environ, Path.cwd(), device=wanted[0].get("name"))) as opened:
        grants = opened.acquire_together(wanted, ttl=ttl, wait=wait, priority=priority, purpose=purpose, progress=say)
        models = {grant.device: opened.status(grant.device).model for grant in grants}
    if as_json:
        records = [
            {
                "lease": grant.secret,
                "device": grant.device,
                "model": models[grant.device],
                "token": grant.token,
                "expires": rfc3339(grant.expires),
            }
            for grant in grants
        ]
        print_json(records if len(records) > 1 else records[0])
        return
    for grant in grants:
        click.echo(f"{grant.device} is yours until {rfc3339(grant.expires)}")
        click.echo(f"lease {grant.secret}")


def _wanted(words: Sequence[str]) -> list[dict[str, str]]:
    """What is required of each device: the words between `+`. Raises UsageError."""
    wanted: list[dict[str, str]] = [{}]
    for word in words:
        if word == "+":
            wanted.append({})
            continue
        key, value = RequirementType()(word)
        if key in wanted[-1]:
            raise click.UsageError(
                "a KEY was given twice: a device has one value for each (+ begins what is required of another device)"
            )
        wanted[-1][key] = value
    return wanted
