"""A lease while it is held: kept alive by a thread, given back at the end whatever happens."""

import atexit
import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

from ontarget.device_farm.durations import format_duration
from ontarget.device_farm.errors import LeaseLost, NoSuchLease, StoreFailed
from ontarget.device_farm.inventory import DeviceEntry
from ontarget.device_farm.leases.store import Grant, LeaseStore
from ontarget.device_farm.times import rfc3339

log = logging.getLogger(__name__)

RELEASE_BOUND: Final = 10.0
"""Seconds that giving back may take before it is left to the time to live."""
_LONGEST_PAUSE: Final = 20.0


def steady_clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system can tell them."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class Lease:
    """An exclusive right to one device, as a context manager.

    An own lease is renewed at a third of its time to live and given back by `release()` or at the end of the block. An
    adopted one (`--lease`) belongs to whoever reserved it: it is only looked after, neither renewed nor given back.
    """

    def __init__(
        self,
        store: LeaseStore,
        grant: Grant,
        device: DeviceEntry,
        *,
        asked: float,
        own: bool = True,
        clock: Callable[[], float] = steady_clock,
    ) -> None:
        """`asked` is the `clock` before the store was asked: what the store allows is counted from there."""
        self.device = device
        self.grant = grant
        self._store = store
        self._own = own
        self._clock = clock
        self._good_until = asked + grant.left
        self._lost: str | None = None
        self._trouble: str | None = None
        self._ended = Event()
        self._done = Event()
        self._pause = grant.ttl / 3 if own else min(grant.left / 3, _LONGEST_PAUSE)
        if own:
            atexit.register(self.release)  # whatever a second Ctrl-C leaves undone
        Thread(target=self._keep, name=f"lease of {device.name}", daemon=True).start()

    @property
    def token(self) -> int:
        return self.grant.token

    @property
    def secret(self) -> str:
        return self.grant.secret

    @property
    def own(self) -> bool:
        """Whether it is given back here, and not by whoever reserved it."""
        return self._own

    @property
    def granted(self) -> float:
        """Seconds since 1970 by the store's clock, when the store was last asked for it as a whole."""
        return self.grant.expires - self.grant.left

    @property
    def store_id(self) -> str:
        return self._store.store_id

    def check(self) -> None:
        """Raise LeaseLost if the device may be somebody else's by now."""
        if self._lost is not None:
            raise LeaseLost(self._lost, device=self.device.name)
        if self._ended.is_set():
            raise LeaseLost(f"the lease of {self.device.name} was given back: take a new one", device=self.device.name)
        if self._clock() > self._good_until:
            why = f": {self._trouble}" if self._trouble else ", as this process was stopped or starved for that long"
            raise LeaseLost(
                f"the lease of {self.grant.owner} on {self.device.name} (token {self.token}) was not renewed within "
                f"{format_duration(self.grant.ttl)}{why}. The device may have been given to somebody else; lease again",
                device=self.device.name,
            )

    def confirm(self) -> None:
        """Ask the store too, for what acts on the device past its agent. Raises LeaseLost.

        A store that does not answer does not stop the act: it gives the device to nobody else before the lease's end.
        """
        self.check()
        try:
            self._store.holding(self.secret)
        except StoreFailed as error:
            log.warning("%s: not confirmed by the store: %s", self.device.name, error)
        except (LeaseLost, NoSuchLease) as error:
            self._lost = str(error)
            raise LeaseLost(str(error), device=self.device.name) from error

    def release(self) -> None:
        """Give the device back, in at most RELEASE_BOUND seconds, Ctrl-C or not; harmless when repeated.

        A store that cannot be reached is logged: the device then comes back when the lease expires.
        """
        end = time.monotonic() + RELEASE_BOUND
        interrupted: KeyboardInterrupt | None = None
        while not self._done.is_set() and (left := end - time.monotonic()) > 0:
            try:
                self._ended.set()  # the keeper gives back: Ctrl-C reaches the main thread only
                self._done.wait(left)  # not join(): interrupted, it takes the thread for ended (CPython 3.11)
            except KeyboardInterrupt as again:
                interrupted = again  # told after the device is back
        self._ended.set()
        atexit.unregister(self.release)
        if not self._done.is_set():
            log.warning("%s: not given back within %g s; %s", self.device.name, RELEASE_BOUND, self._by_itself())
        if interrupted is not None:
            raise interrupted

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.release()

    def _give_back(self) -> None:
        try:
            self._store.release(self.secret)
        except (StoreFailed, NoSuchLease) as error:
            log.warning("%s: not given back (%s); %s", self.device.name, error, self._by_itself())

    def _by_itself(self) -> str:
        return f"it comes free by itself at {rfc3339(self.grant.expires)} or within {format_duration(self.grant.ttl)}"

    def _keep(self) -> None:
        try:
            if self._renew() and self._own:
                self._give_back()
        finally:
            self._done.set()

    def _renew(self) -> bool:
        """Renew until the end; False if the lease was lost before."""
        pause = self._pause
        while not self._ended.wait(pause):
            asked = self._clock()
            try:
                answer = self._store.heartbeat(self.secret) if self._own else self._store.holding(self.secret)
            except (LeaseLost, NoSuchLease) as error:
                self._lost = str(error)
                log.error("%s", error)
                return False
            except StoreFailed as error:
                self._trouble = str(error)
                pause = self._pause / 4
                log.warning("%s: the lease was not renewed, trying again in %.1f s: %s", self.device.name, pause, error)
            else:
                self._trouble = None
                self._good_until = asked + answer.left
                pause = self._pause
        return True
