"""Waiting for devices, in the store's queue."""

import time
from collections.abc import Callable, Mapping

from ontarget.device_farm.durations import format_duration
from ontarget.device_farm.errors import WaitRanOut
from ontarget.device_farm.leases.store import (
    WAITER_TTL,
    DeviceState,
    DeviceStatus,
    Grant,
    LeaseRequest,
    LeaseStore,
    Waiting,
)
from ontarget.device_farm.times import rfc3339


def acquire(
    store: LeaseStore,
    request: LeaseRequest,
    *,
    wait: float,
    wanted: str,
    progress: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[tuple[Grant, ...], float]:
    """Return all that `request` wants, and the `clock` before it was granted, waiting at most `wait` seconds.

    `wanted` says for people what is asked for; `progress` hears each change of what is being waited for.
    Raises WaitRanOut, StoreFailed.
    """
    end = clock() + wait
    told = ""
    with store.watch(request.ticket) as changed:
        try:
            while True:
                asked = clock()
                answer = store.acquire(request, queue=wait > 0)
                if not isinstance(answer, Waiting):
                    return answer, asked
                left = end - clock()
                if left <= 0:
                    failed = f"did not come free within {format_duration(wait)}" if wait > 0 else "is not free now"
                    raise WaitRanOut(f"{wanted} {failed}: {_who(answer)}; wait longer, or ask for another")
                line = f"waiting for {wanted}, place {answer.position} in the queue: {_who(answer)}"
                if line != told:
                    progress(line)
                    told = line
                expiry = WAITER_TTL if answer.retry_in is None else max(answer.retry_in, 0.0) + 0.001
                changed(min(left, expiry, WAITER_TTL / 3))
        except BaseException:
            if wait > 0:
                store.leave(request.ticket)
            raise


def describe(requirements: Mapping[str, str]) -> str:
    """Return requirements as people say them."""
    words = " ".join(f"{key}={value}" for key, value in requirements.items())
    return f"a device with {words}" if words else "a device"


def _who(answer: Waiting) -> str:
    if all(status.state is DeviceState.AVAILABLE for status in answer.wanted):
        return "others came first and were promised it"
    told = [_state(status) for status in answer.wanted if status.state is not DeviceState.AVAILABLE]
    return "; ".join([*told, f"and {answer.others} others that would do"] if answer.others else told)


def _state(status: DeviceStatus) -> str:
    if status.state is DeviceState.LEASED and status.granted is not None:
        purpose = "" if status.purpose == status.holder else f" for {status.purpose}"
        end = "they give it back" if status.expires is None else f"{rfc3339(status.expires)} if nothing renews it"
        return f"{status.name} is held by {status.holder}{purpose} since {rfc3339(status.granted)}, until {end}"
    reason = f" ({status.reason})" if status.reason else ""
    return f"{status.name} is {'in ' if status.state is DeviceState.MAINTENANCE else ''}{status.state}{reason}"
