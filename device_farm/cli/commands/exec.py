"""`ontarget exec`: run a command on a device."""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.options import LEASE_VARIABLE, complete_device, farm_options, say, wait_option
from ontarget.device_farm.errors import LeaseLost, NoSuchLease

if TYPE_CHECKING:
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.lease import Lease


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, required=True, metavar="[DEVICE] -- COMMAND...", shell_complete=complete_device)
@click.option("--lease", "secret", metavar="LEASE", help="Run on the device of this lease, instead of naming one.")
@wait_option(0.0)
@farm_options
def command(words: tuple[str, ...], secret: str | None, wait: float, farm: Path | None, on: tuple[str, ...]) -> int:
    """Run a command on DEVICE, which is leased for as long as that takes.

    What it prints is shown at once; its input is empty. The exit status is the command's (128 + N if signal N ended
    it), or 255 for failures of ontarget. DEVICE is a name in the farm, or an address as for --on. If $ONTARGET_LEASE
    is a lease of DEVICE, that is used.
    """
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.own import inventory_for

    device, argv = _split(words, named=secret is None)
    with (
        Farm.open(inventory_for(farm, on, os.environ, Path.cwd(), device=device)) as opened,
        lease_for(opened, device, secret, wait, purpose=f"exec {' '.join(argv)}"[:200]) as lease,
    ):
        return _run(opened, lease, argv)


def lease_for(farm: "Farm", device: str | None, secret: str | None, wait: float, *, purpose: str) -> "Lease":
    """The lease that is named, or that of $ONTARGET_LEASE if it is of `device`, or a new one."""
    if secret is not None:
        return farm.adopt(secret)
    if device is None:
        raise click.UsageError("name a DEVICE or a --lease")
    around = os.environ.get(LEASE_VARIABLE)
    if around:
        try:
            adopted = farm.adopt(around)
        except (NoSuchLease, LeaseLost):
            say(f"${LEASE_VARIABLE} is no lease of this farm that still holds: taking a new one")
        else:
            if adopted.device.name == device:
                return adopted
            adopted.release()
    return farm.lease({"name": device}, wait=wait, purpose=purpose, progress=say)


def _split(words: Sequence[str], *, named: bool) -> tuple[str | None, list[str]]:
    """The device, if one is named, and the command's argv."""
    device = words[0] if named else None
    argv = list(words[1:] if named else words)
    if argv[:1] == ["--"]:
        argv = argv[1:]
    if not argv:
        raise click.UsageError("there is no COMMAND to run: ontarget exec DEVICE -- COMMAND...")
    return device, argv


def _run(farm: "Farm", lease: "Lease", argv: Sequence[str]) -> int:
    from ontarget.device_farm.remote import stream

    def show(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def show_error(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    with closing(farm.prepare(lease, progress=say).transport()) as transport:
        return stream(transport, argv, device=lease.device.name, stdout=show, stderr=show_error, check=lease.check)
