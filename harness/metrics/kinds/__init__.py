"""Metrics beside latency and accuracy, one file each, found by its name (`peak_memory.py` is peak-memory)."""

import pkgutil
from importlib import import_module

from ontarget.harness.errors import UserError
from ontarget.harness.metrics.metric import Metric


def names() -> list[str]:
    """The metrics that there are."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def named(name: str) -> Metric:
    """The metric of that name. Raises UserError."""
    if name not in names():
        raise UserError(f"no metric {name!r}; there are: {', '.join(names())}")
    found = import_module(f"{__name__}.{name.replace('-', '_')}").METRIC
    if not isinstance(found, Metric):
        raise TypeError(f"{name}: METRIC is no Metric")
    return found
