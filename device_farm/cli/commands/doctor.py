"""`ontarget doctor`: whether a device is ready to measure on."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option, say, wait_option
from ontarget.device_farm.cli.output import print_json

if TYPE_CHECKING:
    from ontarget.device_farm.doctor import Line
    from ontarget.device_farm.farm import Farm

_NOT_READY = 1
_INFRASTRUCTURE = 3
_COLOURS = {"good": "green", "warn": "yellow", "bad": "red"}


@click.command("doctor")
@click.argument("device", shell_complete=complete_device)
@wait_option(60.0)
@farm_options
@json_option
def command(device: str, wait: float, farm: Path | None, on: tuple[str, ...], as_json: bool) -> int:
    """Say whether DEVICE is ready, in a screen: its way, rights, clocks, heat, timer, noise, and what it can resolve.

    DEVICE is a name in the farm, or an address as for --on. It is leased for about half a minute. Exit status 0 if it
    is ready, 1 if it is not, 3 if it cannot be reached.
    """
    from ontarget.device_farm import doctor
    from ontarget.device_farm.errors import LeaseLost, WaitRanOut
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.own import inventory_for
    from ontarget.harness.errors import InfraError

    lines: list[Line] = []
    status = 0
    with Farm.open(inventory_for(farm, on, os.environ, Path.cwd(), device=device)) as opened:
        try:
            _examine(opened, device, wait, lines, as_json)
        except (WaitRanOut, LeaseLost):
            raise  # says nothing of the device
        except InfraError as error:
            line = doctor.Line("reachability", doctor.State.BAD, str(error).removeprefix(f"{device}: "))
            lines.append(line)
            status = _INFRASTRUCTURE
            _show(line, as_json)
        model = opened.status(device).model
    if as_json:
        print_json(doctor.to_json(device, model, lines))
    elif not status:
        ready = doctor.ready(lines)
        click.secho(f"{device} is {'' if ready else 'not '}ready", fg="green" if ready else "red", bold=True)
    return status or (0 if doctor.ready(lines) else _NOT_READY)


def _examine(farm: "Farm", name: str, wait: float, lines: "list[Line]", as_json: bool) -> None:
    from ontarget.device_farm import doctor

    with (
        farm.lease({"name": name}, wait=wait, purpose="doctor", progress=say) as lease,
        farm.connect(lease, progress=say) as device,
    ):
        for line in doctor.examine(device, say):
            lease.check()
            lines.append(line)
            _show(line, as_json)
            if line.check == "backends":
                farm.keep(lease, {f"backend {name}": found for name, found in line.figures.items()})


def _show(line: "Line", as_json: bool) -> None:
    """As soon as it is known: the last lines take a while."""
    if not as_json:
        click.echo(f"{click.style(f'{line.state:5}', fg=_COLOURS[line.state])} {line.check:13} {line.detail}")
