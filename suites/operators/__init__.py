"""The operators, a family a module: what inputs a layer gets, what it should give, how far off a library may be.

A module's `OPERATORS` maps names of operators to `Operator`s; modules are found by being here.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ontarget.suites.operators.draft import Operator


@cache
def operators() -> Mapping[str, Operator]:
    """Every operator that the suites know, by its name in the layer tables."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return {name: operator for module in modules for name, operator in getattr(module, "OPERATORS", {}).items()}
