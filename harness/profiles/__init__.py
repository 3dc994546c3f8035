"""Kinds of device, one file each: a file here is a profile, found by its name (`raspberry_pi.py` is raspberry-pi)."""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from ontarget.harness.errors import UserError
from ontarget.harness.steadying.profile import BoardProfile

if TYPE_CHECKING:
    from ontarget.harness.device import DeviceInfo


def names() -> list[str]:
    """The profiles that there are."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def named(name: str, *, device: str | None = None) -> BoardProfile:
    """The profile of that name. Raises UserError."""
    if name not in names():
        raise UserError(f"no profile {name!r}; there are: {', '.join(names())}", device=device)
    found = import_module(f"{__name__}.{name.replace('-', '_')}").PROFILE
    if not isinstance(found, BoardProfile):
        raise TypeError(f"{name}: PROFILE is no BoardProfile")
    return found


def probed(info: "DeviceInfo") -> BoardProfile:
    """The profile that fits a device best; generic-linux fits all."""
    fitting = [profile for profile in map(named, names()) if profile.probe(info)]
    return max(fitting, key=lambda profile: profile.rank)
