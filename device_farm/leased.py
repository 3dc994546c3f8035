"""What acts on a device past its agent, and so past its fence: asked of the lease before each act.

The agent refuses an older lease at the device itself. A serial line and a power switch know nothing of leases: whether
ours still holds is asked of the store right before each act. What is left is the time between the store's answer and
the act, in which a process could be stopped for longer than its lease lasts.
"""

from collections.abc import Callable

from ontarget.device_farm.lease import Lease
from ontarget.device_farm.power.protocols import Cycler, Power, PowerController
from ontarget.harness.transports.protocols import Console


class LeasedConsole:
    """A console that is written to only while the lease holds: another's device must not hear us.

    `end` undoes what leads to the console, after it was closed.
    """

    def __init__(self, console: Console, lease: Lease, *, end: Callable[[], None] = lambda: None) -> None:
        self._console = console
        self._lease = lease
        self._end = end

    def start_log(self) -> None:
        self._console.start_log()

    def log(self) -> str:
        return self._console.log()

    def write(self, data: bytes) -> None:
        """Raises LeaseLost."""
        self._lease.confirm()
        self._console.write(data)

    def expect(self, pattern: bytes, *, deadline: float) -> bytes:
        return self._console.expect(pattern, deadline=deadline)

    def close(self) -> None:
        self._console.close()
        self._end()


class LeasedPower:
    """A power switch that acts only while the lease holds: another's device must not lose its power."""

    def __init__(self, power: PowerController, lease: Lease) -> None:
        self._power = power
        self._lease = lease

    def switch(self, on: bool) -> None:
        """Raises LeaseLost."""
        self._lease.confirm()
        self._power.switch(on)


class LeasedCycler:
    """As LeasedPower, for what can only restart its device."""

    def __init__(self, power: Cycler, lease: Lease) -> None:
        self._power = power
        self._lease = lease

    def cycle(self) -> None:
        """Raises LeaseLost."""
        self._lease.confirm()
        self._power.cycle()


def power_of(lease: Lease) -> Power | None:
    """The power switch of a lease's device, None where its entry names none. Raises UserError."""
    settings = dict(lease.device.power or {})
    if not settings:
        return None
    from ontarget.device_farm.power import open_power

    power = open_power(lease.device.name, str(settings.pop("driver")), settings)
    return LeasedCycler(power, lease) if isinstance(power, Cycler) else LeasedPower(power, lease)
