"""What computes beside the CPU, one file each: a file here is a backend, found by its name (`opencl.py` is opencl).

A backend is a capability of a device. It is asked for in a process of its own, as drivers crash while they load.
"""

import pkgutil
from importlib import import_module

from ontarget.harness.backends.found import Backend, Found, State, Unit
from ontarget.harness.errors import UserError

_SHARED = ("caches", "found")


def names() -> list[str]:
    """The backends that there are, the CPU not among them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _SHARED)


def named(name: str) -> Backend:
    """The backend of that name. Raises UserError."""
    if name not in names():
        raise UserError(f"no backend {name!r}; there are: cpu, {', '.join(names())}")
    found = import_module(f"{__name__}.{name}").BACKEND
    if not isinstance(found, Backend):
        raise TypeError(f"{name}: BACKEND is no Backend")
    return found


__all__ = ["Backend", "Found", "State", "Unit", "named", "names"]
