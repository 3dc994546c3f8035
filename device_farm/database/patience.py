"""A server that goes away for a while, at a restart: its clients wait for it, for a time, and say so."""

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from ontarget.device_farm.errors import StoreFailed

log = logging.getLogger(__name__)

RECONNECT_SECONDS: Final = 30.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
# connection exceptions; being shut down, crashed, not up yet; out of connections
_GONE: Final = ("08", "57P01", "57P02", "57P03", "53300")
T = TypeVar("T")


def persistently(
    act: Callable[[], T],
    name: str,
    *,
    bound: float = RECONNECT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Return what `act` does, done again while the server `name` is away, for `bound` seconds at most.

    `act` may have been done although the connection was cut before its answer: doing it twice must be harmless.
    Raises StoreFailed.
    """
    end: float | None = None
    pause = _FIRST_PAUSE
    while True:
        try:
            done = act()
        except StoreFailed as error:
            if not is_gone(error):
                raise
            now = clock()
            if end is None:
                end = now + bound
                log.warning("%s; trying again for up to %g s", error, bound)
            if now >= end:
                raise StoreFailed(f"{error} (tried for {bound:g} s)") from error
            sleep(min(pause, end - now))
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            if end is not None:
                log.warning("the store %s is back", name)
            return done


def is_gone(error: StoreFailed) -> bool:
    """Whether the server cannot be reached or has let go of us, rather than refused what was asked."""
    cause = error.__cause__
    if not isinstance(cause, DBAPIError):
        return False
    state = getattr(cause.orig, "sqlstate", None)
    if state is None:
        return isinstance(cause, OperationalError | InterfaceError)  # there was nobody to give a state
    return str(state).startswith(_GONE)
