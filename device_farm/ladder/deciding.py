"""Which rung is next: a pure function of what went wrong, what can be done, and what was tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ontarget.device_farm.errors import LeaseLost, StoreFailed, WaitRanOut
from ontarget.device_farm.ladder.rungs import Act, Rung
from ontarget.device_farm.leases.store import DeviceState
from ontarget.harness.errors import (
    AuthenticationFailed,
    DeadlineExceeded,
    DeployFailed,
    DeviceFull,
    DeviceUnreachable,
    Fenced,
    HostKeyRefused,
    InfraError,
    OntargetError,
)

# What says nothing against the device: the store, the queue, and who may use it.
_NOT_THE_DEVICE = (StoreFailed, WaitRanOut, LeaseLost, Fenced, AuthenticationFailed, HostKeyRefused)


class Trouble(StrEnum):
    """What kind of failure it is, as far as it matters to what is done."""

    REFUSED = "refused"  # it is not let in, or is not whom we know: nothing that is done there helps
    LOST = "lost"  # it cannot be reached, or does not answer
    STORAGE = "storage"  # it is full, or cannot be written to
    AGENT = "agent"  # it answers, and does not work


@dataclass(frozen=True)
class Attempt:
    """A rung that was tried and has not helped."""

    act: Act
    seconds: float
    error: str


@dataclass(frozen=True)
class Situation:
    """`can` are the acts for which there is a way now, `again` how often the device had failed in a row before.

    `said` is what the device's console says of its kernel, "" for nothing.
    """

    trouble: Trouble
    can: frozenset[Act]
    tried: tuple[Attempt, ...] = ()
    again: int = 0
    said: str = ""


@dataclass(frozen=True)
class GiveUp:
    """The device is to be taken out of service, into this state."""

    state: DeviceState
    reason: str


# What can help, in the order in which it is tried. An agent is started anew over the connection that there is: where
# that is lost too, the trouble is another.
_HELPS: Final = {
    Trouble.REFUSED: (),
    Trouble.LOST: (Act.RECONNECT, Act.NETWORK_UP, Act.SOFT_REBOOT, Act.POWER_CYCLE),
    Trouble.STORAGE: (Act.RESTART_AGENT, Act.MAKE_ROOM, Act.SOFT_REBOOT, Act.POWER_CYCLE),
    Trouble.AGENT: (Act.RESTART_AGENT, Act.RECONNECT, Act.SOFT_REBOOT, Act.POWER_CYCLE),
}
_GENTLE: Final = frozenset({Act.RECONNECT, Act.RESTART_AGENT, Act.MAKE_ROOM, Act.NETWORK_UP})
_STORAGE_WORDS: Final = ("Read-only file system", "No space left on device")


def trouble_of(error: BaseException) -> Trouble:
    """Return the kind of a failure."""
    if isinstance(error, HostKeyRefused | AuthenticationFailed):
        return Trouble.REFUSED
    if isinstance(error, DeviceFull | DeployFailed) or any(words in str(error) for words in _STORAGE_WORDS):
        return Trouble.STORAGE
    return Trouble.LOST if isinstance(error, DeviceUnreachable | DeadlineExceeded) else Trouble.AGENT


def trouble_after(before: Trouble, error: BaseException) -> Trouble:
    """Return what the trouble is once a rung has failed with `error`: full storage keeps agents from starting, too."""
    now = trouble_of(error)
    return now if now in (Trouble.REFUSED, Trouble.LOST) or before is Trouble.LOST else before


def blames_device(error: BaseException | None, *, pinned: bool = False) -> bool:
    """Whether an error is of the device, or of the way to it.

    A host key that is refused is held against the device where the farm file says which it has (`pinned`): elsewhere
    what one user knows of it may be out of date.
    """
    if isinstance(error, HostKeyRefused):
        return pinned
    return isinstance(error, InfraError) and not isinstance(error, _NOT_THE_DEVICE)


def next_step(ladder: Sequence[Rung], situation: Situation) -> Rung | GiveUp:
    """Return the rung to try next, or why there is none.

    A device that failed again right after it had come back is not treated the gentle way once more.
    """
    helps = [act for act in _HELPS[situation.trouble] if act in situation.can]
    if situation.again and any(act not in _GENTLE for act in helps):
        helps = [act for act in helps if act not in _GENTLE]
    rungs = {rung.act: rung for rung in ladder}
    for act in helps:
        rung = rungs.get(act)
        if rung is not None and sum(attempt.act is act for attempt in situation.tried) < rung.attempts:
            return rung
    return GiveUp(_state(situation), _reason(situation))


def state_after(error: OntargetError) -> DeviceState:
    """Return the state of a device that was not brought back: offline where it cannot be reached at all."""
    refused = isinstance(error, HostKeyRefused | AuthenticationFailed)
    return DeviceState.OFFLINE if isinstance(error, DeviceUnreachable) and not refused else DeviceState.QUARANTINED


def _state(situation: Situation) -> DeviceState:
    return DeviceState.QUARANTINED if situation.trouble is not Trouble.LOST else DeviceState.OFFLINE


def _reason(situation: Situation) -> str:
    if not situation.tried:
        tried = "nothing can be done about that from here"
    else:
        said: dict[Act, list[Attempt]] = {}
        for attempt in situation.tried:
            said.setdefault(attempt.act, []).append(attempt)
        tried = "tried " + ", then ".join(
            f"{act} ({'' if len(made) == 1 else f'{len(made)} times, '}{sum(one.seconds for one in made):.0f} s)"
            for act, made in said.items()
        )
        tried += f"; at last: {situation.tried[-1].error}"
    return f"{tried}. Its console says: {situation.said}" if situation.said else tried
