"""Switches of a device's power. One file per kind in this folder, named as the `driver` of a `power` entry.

Such a file has `controller(device, settings) -> PowerController | Cycler`: `settings` are the other keys of the entry,
and it raises UserError for one that it does not know or misses.
"""

from typing import Protocol, runtime_checkable


@runtime_checkable
class PowerController(Protocol):
    """Switches one device's power."""

    def switch(self, on: bool) -> None:
        """Switch on or off; nothing happens if it is so already. Off is a power cut, nothing is shut down first.

        Returns when the switch has acted; for devices that only ontarget starts, when they are up.
        Raises InfraError.
        """
        ...


@runtime_checkable
class Cycler(Protocol):
    """Can restart a device, and not leave it off."""

    def cycle(self) -> None:
        """Restart it. Returns when that has begun. Raises InfraError."""
        ...


Power = PowerController | Cycler
