"""What is done about a device that failed: reconnect, power-cycle, re-check, and at last out of service."""

from typing import TYPE_CHECKING

from ontarget.device_farm.errors import LeaseLost, StoreFailed, WaitRanOut
from ontarget.device_farm.leases.store import DeviceState
from ontarget.device_farm.locks import Progress, unheard
from ontarget.harness.errors import (
    AuthenticationFailed,
    DeviceUnreachable,
    Fenced,
    HostKeyRefused,
    InfraError,
    OntargetError,
)

if TYPE_CHECKING:
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.lease import Lease
    from ontarget.harness.device import Device

MOST_FAILURES = 3
"""Infrastructure failures in a row after which a device is out of service, though each time it came back."""
_OFF_FOR = 5.0
# What says nothing against the device: the store, the queue, and who may use it.
_NOT_THE_DEVICE = (StoreFailed, WaitRanOut, LeaseLost, Fenced, AuthenticationFailed, HostKeyRefused)


def blames_device(error: BaseException | None) -> bool:
    """Whether an error is of the device, or of the way to it."""
    return isinstance(error, InfraError) and not isinstance(error, _NOT_THE_DEVICE)


def state_after(error: OntargetError) -> DeviceState:
    """Return the state of a device that was not brought back: offline where it cannot be reached at all."""
    return DeviceState.OFFLINE if isinstance(error, DeviceUnreachable) else DeviceState.QUARANTINED


def connect(farm: "Farm", lease: "Lease", progress: Progress = unheard) -> "Device":
    """Connect the lease's device; where that fails, again after its power was cycled, if that can be done.

    Raises what the last attempt raised.
    """
    try:
        return farm.connect(lease, progress=progress)
    except InfraError as error:
        if lease.device.power is None or not blames_device(error):
            raise
        progress(f"{lease.device.name}: switching it off and on, as it cannot be used: {error}")
    _power_cycle(lease)
    return farm.connect(lease, progress=progress)


def recover(farm: "Farm", lease: "Lease", device: "Device", progress: Progress = unheard) -> "Device":
    """Return the device with a fresh agent: over its connection, else a new one, else after its power was cycled.

    `device` is closed where another is returned. Raises LeaseLost, and what the last attempt raised.
    """
    name = lease.device.name
    lease.check()
    try:
        device.restart_agent()
    except InfraError as error:
        progress(f"{name}: reconnecting after an infrastructure failure: {error}")
        device.close()
        return connect(farm, lease, progress)
    progress(f"{name}: agent restarted after an infrastructure failure")
    return device


def _power_cycle(lease: "Lease") -> None:
    from ontarget.device_farm.leased import power_of
    from ontarget.device_farm.power import cycle

    power = power_of(lease)
    if power is not None:
        cycle(power, off_for=_OFF_FOR)
