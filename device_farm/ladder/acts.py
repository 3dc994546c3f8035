"""The acts of the ladder. Each returns the device, connected and found to work, or raises what stands in the way."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ontarget.device_farm.errors import LeaseLost
from ontarget.device_farm.ladder.deciding import Trouble
from ontarget.device_farm.ladder.rungs import Act, Rung
from ontarget.device_farm.leased import power_of
from ontarget.device_farm.locks import Progress
from ontarget.device_farm.power import cycle
from ontarget.device_farm.power.protocols import Power
from ontarget.harness.errors import (
    AuthenticationFailed,
    DeadlineExceeded,
    DeployFailed,
    DeviceFull,
    DeviceUnreachable,
    Fenced,
    HostKeyRefused,
    InfraError,
    KernelFailed,
)
from ontarget.harness.transports.address import AdbAddress, BoardAddress, LocalAddress, SshAddress

if TYPE_CHECKING:
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.lease import Lease
    from ontarget.harness.device import Device

OFF_FOR: Final = 5.0
_PAUSE: Final = 1.0
_GLANCE: Final = 10.0
_LOG_IN: Final = 20.0
_AFTER_BOOT: Final = 30.0
# A kernel's first words: what comes before is the shell's prompt, or init's good-bye.
_KERNEL_STARTS: Final = rb"Linux version |Booting Linux|Starting kernel"
_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
# What a restart is asked of; the first that is there and allowed does it.
# It says first which boot it is, so that the next one is told from it.
_REBOOT: Final = (
    f"cat {_BOOT_ID}; (sleep 1; reboot || sudo -n reboot || systemctl reboot || reboot -f) >/dev/null 2>&1 </dev/null &"
)
# Word 1 is the folder of the agent's files. What cannot be written there is told by the shell.
_WRITE: Final = """file="$1/.writable.$$"; head -c 65536 /dev/zero > "$file"; status=$?; rm -f "$file"; exit $status"""
_LINKS_UP: Final = (
    'for link in /sys/class/net/*; do name=${link##*/}; [ "$name" = lo ] || '
    '[ ! -e "$link/device" ] || ip link set "$name" up; done'
)


class NoWayIn(InfraError):
    """A console, a shell or a power switch failed, which says nothing of the device that it was to help."""


@dataclass
class Patient:
    """A leased device that is brought back. `device` is None while there is none that works.

    `console_is_dead`: nobody could be logged in there.
    """

    farm: "Farm"
    lease: "Lease"
    device: "Device | None"
    progress: Progress
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    console_is_dead: bool = False

    @property
    def name(self) -> str:
        return self.lease.device.name

    def let_go(self) -> None:
        """Close what is left of the connection."""
        device, self.device = self.device, None
        if device is not None:
            device.close()


def possible(patient: Patient, trouble: Trouble) -> frozenset[Act]:
    """Return the acts for which the device's entry has a way. What may be a desk's own machine is not restarted."""
    entry = patient.lease.device
    address = entry.address
    acts = {Act.RECONNECT}
    if patient.device is not None:
        acts |= {Act.RESTART_AGENT, Act.MAKE_ROOM}
    if patient.farm.inventory.source is None or isinstance(address, LocalAddress):
        return frozenset(acts)
    if isinstance(address, SshAddress) and entry.console is not None and not patient.console_is_dead:
        acts |= {Act.NETWORK_UP, Act.SOFT_REBOOT}
    if trouble is not Trouble.LOST and isinstance(address, SshAddress | AdbAddress):
        acts.add(Act.SOFT_REBOOT)
    if entry.power is not None or isinstance(address, BoardAddress):
        acts.add(Act.POWER_CYCLE)
    return frozenset(acts)


def perform(rung: Rung, patient: Patient) -> "Device":
    """Do what the rung says, and wait for the device. Raises LeaseLost, and what the device or the way to it raises."""
    patient.lease.check()
    device = _ACTS[rung.act](patient, patient.clock() + rung.seconds)
    patient.device = device
    return device


def _reconnect(patient: Patient, ends: float) -> "Device":
    patient.let_go()
    return _connected(patient, ends)


def _restart_agent(patient: Patient, ends: float) -> "Device":  # noqa: ARG001 - every act has an end
    device = _held(patient)
    device.restart_agent()
    return _checked(device)


def _make_room(patient: Patient, ends: float) -> "Device":  # noqa: ARG001 - every act has an end
    device = _held(patient)
    device.restart_agent()
    removed = device.session.sweep(max_age=0.0, max_bytes=0, keep=())
    patient.progress(f"{patient.name}: removed {len(removed)} stored builds to make room")
    return _checked(device)


def _network_up(patient: Patient, ends: float) -> "Device":
    patient.let_go()
    _at_console(patient, ends, ["sh", "-c", _LINKS_UP])
    return _connected(patient, ends)


def _soft_reboot(patient: Patient, ends: float) -> "Device":
    argv = ["sh", "-c", _REBOOT]
    try:
        if patient.device is None and patient.lease.device.console is not None:
            raise DeviceUnreachable("it has just been found not to answer", device=patient.name)
        # a connection of its own: that of the device may be stuck
        with closing(patient.farm.prepare(patient.lease).transport()) as transport:
            if transport.reboots is None:
                before = transport.run(argv, deadline=_GLANCE).stdout
            else:
                before = transport.run(["cat", _BOOT_ID], deadline=_GLANCE).stdout
                transport.reboots.reboot(deadline=max(ends - patient.clock(), 1.0))
    except (HostKeyRefused, AuthenticationFailed):
        raise
    except InfraError as error:
        if patient.lease.device.console is None:
            raise NoWayIn(f"it cannot be told to restart: {error}", device=patient.name) from error
        before = _at_console(patient, ends, argv, restarts=True)
        # its console says that it has booted: who does not answer then, is not waited for till the end
        ends = min(ends, patient.clock() + _AFTER_BOOT)
    patient.let_go()
    return _connected(patient, ends, other_than=before)


def _power_cycle(patient: Patient, ends: float) -> "Device":
    patient.let_go()
    try:
        power = _power(patient)
        if power is not None:
            cycle(power, off_for=OFF_FOR, sleep=patient.sleep)
    except (LeaseLost, Fenced):
        raise
    except InfraError as error:
        raise NoWayIn(f"its power was not cycled: {error}", device=patient.name) from error
    return _connected(patient, ends)


_ACTS: Final = {
    Act.RECONNECT: _reconnect,
    Act.RESTART_AGENT: _restart_agent,
    Act.MAKE_ROOM: _make_room,
    Act.NETWORK_UP: _network_up,
    Act.SOFT_REBOOT: _soft_reboot,
    Act.POWER_CYCLE: _power_cycle,
}


def _connected(patient: Patient, ends: float, other_than: bytes | None = None) -> "Device":
    """Connect again and again until it works; a device whose boot is `other_than` has not restarted yet."""
    gone = other_than is None  # until then what it does wrong is what it is restarted for
    while True:
        patient.lease.check()
        try:
            device = patient.farm.connect(patient.lease, progress=patient.progress)
        except (HostKeyRefused, AuthenticationFailed, Fenced):
            raise
        except InfraError as error:
            unreachable = isinstance(error, DeviceUnreachable | DeadlineExceeded)
            if patient.clock() + _PAUSE > ends or (gone and not unreachable):
                raise
            gone = gone or unreachable
            patient.progress(f"{patient.name}: not there yet: {error}")
        else:
            (boot,) = device.session.read_files([_BOOT_ID])
            if other_than is None or boot != other_than:
                return _checked(device)
            device.close()
            if patient.clock() + _PAUSE > ends:
                raise DeadlineExceeded("expected it to restart, found that it did not", device=patient.name)
        patient.sleep(_PAUSE)


def _checked(device: "Device") -> "Device":
    """The device, if it can be written to. Raises DeviceFull, DeployFailed."""
    root = device.session.root
    done = device.runner.run(["sh", "-c", _WRITE, "sh", root], deadline=30.0)
    if done.status != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        kind = DeviceFull if "No space left" in said else DeployFailed
        raise kind(f"64 KiB cannot be written to {root}: {said}", device=device.info.name)
    return device


def _held(patient: Patient) -> "Device":
    if patient.device is None:
        raise DeviceUnreachable("its connection was given up", device=patient.name)
    return patient.device


def _at_console(patient: Patient, ends: float, argv: list[str], *, restarts: bool = False) -> bytes:
    """Run a command at the device's console; return what it prints. One that `restarts` it is waited for to boot.

    Raises NoWayIn, KernelFailed if the boot ends in a panic.
    """
    from ontarget.harness.consoles.login import log_in, wait_for_boot
    from ontarget.harness.consoles.shell import ConsoleShell

    try:
        console = patient.farm.prepare(patient.lease).console(patient.lease)
        if console is None:
            raise DeviceUnreachable("it has no serial console", device=patient.name)
        with closing(console):
            left = min(max(ends - patient.clock(), 1.0), _LOG_IN)
            log_in(console, patient.lease.device.console_login, device=patient.name, deadline=left)
            done = ConsoleShell(console, patient.name).run(argv, deadline=left)
            if restarts and done.status == 0:
                console.expect(_KERNEL_STARTS, deadline=max(ends - patient.clock(), 1.0))
                wait_for_boot(console, device=patient.name, deadline=max(ends - patient.clock(), 1.0))
    except (LeaseLost, Fenced, KernelFailed):
        raise
    except InfraError as error:
        patient.console_is_dead = True
        raise NoWayIn(f"its console is no way in: {error}", device=patient.name) from error
    if done.status != 0:
        said = done.stdout.decode("utf-8", "replace").strip()
        raise NoWayIn(f"`{' '.join(argv)}` at its console ended with {done.status}: {said}", device=patient.name)
    return done.stdout


def _power(patient: Patient) -> Power | None:
    entry = patient.lease.device
    if entry.power is None and isinstance(entry.address, BoardAddress):
        from ontarget.device_farm import boards
        from ontarget.device_farm.reach import board_name

        patient.lease.confirm()
        farm = patient.farm
        boards.power_off(board_name(entry, farm.store_id, own_store=farm.inventory.source is None))
        return None  # connecting starts it
    return power_of(patient.lease)
