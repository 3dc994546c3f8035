"""Checks the settings that a power driver is given."""

from collections.abc import Mapping

from ontarget.harness.errors import UserError


def words(device: str, driver: str, settings: Mapping[str, object], *names: str) -> tuple[str, ...]:
    """The values of `names`, which are all the settings there may be, as strings. Raises UserError."""
    if set(settings) != set(names):
        given = ", ".join(sorted(settings)) or "none"
        raise UserError(f"power driver {driver} takes {', '.join(names)}; given: {given}", device=device)
    for name, value in settings.items():
        if not isinstance(value, str):
            raise UserError(f"{name} of power driver {driver} should be a string, is {value!r}", device=device)
    return tuple(str(settings[name]) for name in names)
