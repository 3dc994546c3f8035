"""`ontarget exec`: run a command on a device."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.options import (
    LEASE_VARIABLE,
    complete_device,
    farm_options,
    is_terminal,
    say,
    wait_option,
)
from ontarget.device_farm.cli.terminal import raw_keys
from ontarget.device_farm.errors import LeaseLost, NoSuchLease

_KILLED = 128 + signal.SIGKILL

if TYPE_CHECKING:
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.lease import Lease
    from ontarget.harness.transports.protocols import Transport


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, required=True, metavar="[DEVICE] -- COMMAND...", shell_complete=complete_device)
@click.option("--lease", "secret", metavar="LEASE", help="Run on the device of this lease, instead of naming one.")
@wait_option(0.0)
@farm_options
def command(words: tuple[str, ...], secret: str | None, wait: float, farm: Path | None, on: tuple[str, ...]) -> int:
    """Run a command on DEVICE, which is leased for as long as that takes.

    What it prints is shown at once. In a terminal it gets one of its own, and what is typed; else its input is empty,
    and Ctrl-C goes to it (twice: ends it). It does not outlive the lease: whoever has the device next ends it. The
    exit status is the command's (128 + N if signal N ended
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

    with ExitStack() as stack:
        way = farm.prepare(lease, progress=say)
        transport = stack.enter_context(closing(way.transport()))
        terminal = is_terminal()
        command = _fenced(transport, lease, way.root, argv, terminal=terminal)
        typed = interrupted = None
        if terminal and command is not None:
            typed = stack.enter_context(raw_keys())
        else:
            interrupted = stack.enter_context(_interrupts())
        status = stream(
            transport,
            command or argv,
            device=lease.device.name,
            stdout=show,
            stderr=show_error,
            check=lease.check,
            typed=typed,
            interrupted=interrupted or (lambda: False),
        )
        if status == _KILLED:
            lease.confirm()  # by whoever has the device now? Then that is what is to be told
        return status


def _fenced(
    transport: "Transport", lease: "Lease", root: str | None, argv: Sequence[str], *, terminal: bool
) -> tuple[str, ...] | None:
    """The command under the fence of the lease; None, and said, where no agent can be had on the device."""
    from ontarget.device_farm.remote import fenced
    from ontarget.harness.agent.placing import place
    from ontarget.harness.agent.session import Fence
    from ontarget.harness.errors import AgentError, DeployFailed, DeviceFull

    try:
        placed = place(transport, device=lease.device.name, root=root)
    except (AgentError, DeployFailed, DeviceFull) as error:
        say(f"{error}. Going on without the fence: what runs on after this lease is not ended by the next")
        return None
    fence = Fence(lease.store_id, lease.token, lease.grant.owner)
    if not terminal:
        return fenced(placed, fence, argv)
    size = os.get_terminal_size()
    named = ("env", f"TERM={os.environ.get('TERM', 'dumb')}", *argv)
    return fenced(placed, fence, named, (size.lines or 24, size.columns or 80))


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed since the last look; the second press ends us, as ever."""
    pressed = [0, 0]

    def press(number: int, frame: FrameType | None) -> None:
        pressed[0] += 1
        if pressed[0] > 1:
            signal.default_int_handler(number, frame)

    def looked() -> bool:
        fresh, pressed[1] = pressed[0] > pressed[1], pressed[0]
        return fresh

    before = signal.signal(signal.SIGINT, press)
    try:
        yield looked
    finally:
        signal.signal(signal.SIGINT, before)
