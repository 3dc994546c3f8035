"""`ontarget farm check`: see whether devices are in good health."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.options import complete_device, farm_options, json_option, say, wait_option
from ontarget.device_farm.cli.output import print_json, print_table
from ontarget.device_farm.cli.stores import inventory_of

if TYPE_CHECKING:
    from ontarget.device_farm.farm import Farm

_FAILED = 1


@click.command("check")
@click.argument("devices", nargs=-1, shell_complete=complete_device)
@click.option("--due", "only_due", is_flag=True, help="Only those that the farm file's `check` says are due.")
@wait_option(0.0)
@farm_options
@json_option
def command(
    devices: tuple[str, ...], only_due: bool, wait: float, farm: Path | None, on: tuple[str, ...], as_json: bool
) -> int:
    """Lease DEVICES (default: all) one after the other, connect, ask and measure each a little.

    One that fails is quarantined, or offline where it cannot be reached, with the reason. Exit status 1 if one failed;
    busy ones are left alone.
    """
    from ontarget.device_farm.farm import Farm

    with Farm.open(inventory_of(farm, on)) as opened:
        names = devices or tuple(entry.name for entry in opened.inventory.devices)
        done = [_checked(opened, name, only_due, wait) for name in names]
    if as_json:
        print_json(done)
    else:
        rows = [[str(line["device"]), str(line["health"]), str(line["detail"] or "-")] for line in done]
        print_table(("device", "health", "detail"), rows)
    return _FAILED if any(line["health"] == "failed" for line in done) else 0


def _checked(farm: "Farm", name: str, only_due: bool, wait: float) -> dict[str, str | float | None]:
    from ontarget.device_farm import health
    from ontarget.device_farm.errors import Unhealthy, WaitRanOut
    from ontarget.device_farm.ladder.deciding import blames_device, state_after
    from ontarget.harness.errors import InfraError

    result: dict[str, str | float | None] = {"device": name, "health": "good", "round_trip": None, "detail": None}
    try:
        with farm.lease({"name": name}, wait=wait, purpose="health check", progress=say) as lease:
            if only_due and health.due(farm.status(name), farm.inventory.check, lease.granted) is None:
                return {**result, "health": "not due"}
            try:
                with farm.connect(lease, progress=say) as device:
                    return {**result, "round_trip": round(farm.check(lease, device), 6)}
            except Unhealthy as error:  # it is quarantined already
                return {**result, "health": "failed", "detail": str(error)}
            except InfraError as error:
                lease.check()
                if not blames_device(error):
                    raise
                farm.withdraw(lease, state_after(error), f"health check failed: {error}")
                return {**result, "health": "failed", "detail": str(error)}
    except WaitRanOut as error:
        return {**result, "health": "not free", "detail": str(error)}
