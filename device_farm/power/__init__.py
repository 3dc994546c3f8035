"""Power switches, found by the name of their driver."""

import importlib
import pkgutil
import time
from collections.abc import Callable, Mapping

from ontarget.device_farm.power.protocols import Cycler, Power
from ontarget.harness.errors import UserError

_NOT_DRIVERS = ("programs", "protocols", "settings", "web")


def drivers() -> list[str]:
    """The drivers that there are, by name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NOT_DRIVERS)


def open_power(device: str, driver: str, settings: Mapping[str, object]) -> Power:
    """The power switch of `device`, which is for messages. Raises UserError for an unknown driver or setting."""
    if driver not in drivers():
        raise UserError(f"no power driver {driver!r}; there are: {', '.join(drivers())}", device=device)
    opened: Power = importlib.import_module(f"{__name__}.{driver}").controller(device, settings)
    return opened


def cycle(power: Power, *, off_for: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Off, `off_for` seconds, and on again; or what the driver has instead. Raises InfraError."""
    if isinstance(power, Cycler):
        power.cycle()
        return
    power.switch(False)
    sleep(off_for)
    power.switch(True)
