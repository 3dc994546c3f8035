"""`ontarget reserve`: take a device and keep it."""

import os
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
@click.argument("requirements", nargs=-1, type=RequirementType(), metavar="[KEY=VALUE]...")
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
    requirements: tuple[tuple[str, str], ...],
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
    """
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.own import inventory_for

    wanted = dict(requirements)
    if len(wanted) < len(requirements):
        raise click.UsageError("a KEY was given twice: a device has one value for each")
    if ttl <= 0:
        raise click.UsageError("--for takes a duration above 0")
    with Farm.open(inventory_for(farm, on, os.environ, Path.cwd(), device=wanted.get("name"))) as opened:
        grant = opened.acquire(wanted, ttl=ttl, wait=wait, priority=priority, purpose=purpose, progress=say)
        model = opened.status(grant.device).model
    if as_json:
        print_json(
            {
                "lease": grant.secret,
                "device": grant.device,
                "model": model,
                "token": grant.token,
                "expires": rfc3339(grant.expires),
            }
        )
        return
    click.echo(f"{grant.device} is yours until {rfc3339(grant.expires)}")
    click.echo(f"lease {grant.secret}")
