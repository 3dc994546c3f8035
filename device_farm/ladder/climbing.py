"""Up the ladder, rung by rung, until the device works or there is none left."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ontarget.device_farm.errors import LeaseLost, NotBroughtBack
from ontarget.device_farm.ladder.acts import NoWayIn, Patient, perform, possible
from ontarget.device_farm.ladder.deciding import (
    Attempt,
    GiveUp,
    Situation,
    blames_device,
    next_step,
    trouble_after,
    trouble_of,
)
from ontarget.device_farm.ladder.rungs import LADDER, Act, Rung, limited
from ontarget.device_farm.locks import Progress, unheard
from ontarget.harness.errors import InfraError

if TYPE_CHECKING:
    from ontarget.device_farm.farm import Farm
    from ontarget.device_farm.lease import Lease
    from ontarget.harness.device import Device


def connect(farm: "Farm", lease: "Lease", progress: Progress = unheard) -> "Device":
    """Connect the lease's device; where that fails, climb the ladder above a new connection.

    Raises NotBroughtBack, what connecting raises if it says nothing against the device, and LeaseLost.
    """
    before = time.monotonic()
    try:
        return farm.connect(lease, progress=progress)
    except InfraError as error:
        if not blames_device(error, pinned=lease.device.host_key is not None):
            raise
        tried = (Attempt(Act.RECONNECT, time.monotonic() - before, str(error)),)
        patient = Patient(farm, lease, None, progress)
        return _climb(patient, error, tried=tried, again=0, said="")


def recover(
    farm: "Farm",
    lease: "Lease",
    device: "Device",
    error: BaseException,
    progress: Progress = unheard,
    *,
    again: int = 0,
    said: str = "",
    ladder: tuple[Rung, ...] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> "Device":
    """Bring a device back that failed with `error`; return it, or the one that takes its place, with a fresh agent.

    `again` is how often it had failed in a row before, `said` what its console says of its kernel. Raises
    NotBroughtBack, LeaseLost.
    """
    lease.check()
    patient = Patient(farm, lease, device, progress, clock, sleep)
    return _climb(patient, error, tried=(), again=again, said=said, ladder=ladder)


def _climb(
    patient: Patient,
    error: BaseException,
    *,
    tried: tuple[Attempt, ...],
    again: int,
    said: str,
    ladder: tuple[Rung, ...] | None = None,
) -> "Device":
    rungs = limited(LADDER if ladder is None else ladder, patient.lease.device.recovery)
    first = trouble_of(error)
    situation = Situation(first, possible(patient, first), tried, again, said)
    failure = error
    while True:
        step = next_step(rungs, situation)
        if isinstance(step, GiveUp):
            patient.let_go()
            raise NotBroughtBack(f"not brought back: {step.reason}", state=step.state, device=patient.name) from failure
        patient.progress(f"{patient.name}: {step.act}, as it failed: {failure}")
        before = patient.clock()
        try:
            device = perform(step, patient)
        except LeaseLost:
            patient.let_go()
            raise
        except InfraError as now:
            failure = now
            attempt = Attempt(step.act, patient.clock() - before, str(now))
            trouble = situation.trouble if isinstance(now, NoWayIn) else trouble_after(situation.trouble, now)
            tried = (*situation.tried, attempt)
            situation = replace(situation, trouble=trouble, can=possible(patient, trouble), tried=tried)
        else:
            patient.progress(f"{patient.name}: back after {step.act}, {patient.clock() - before:.1f} s")
            return device
