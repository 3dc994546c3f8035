"""Which operators can be run in which data types, by a binding and by a library that it is for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ontarget.harness.binding import Binding, Selective
from ontarget.suites.layers import core, full
from ontarget.suites.operators import operators

DTYPES = ("f32", "f16", "qs8", "qu8")


@dataclass(frozen=True)
class Cell:
    """One operator in one dtype: `core` and `full` count the suites' tests of it, `reason` says why it is not run."""

    operator: str
    dtype: str
    core: int
    full: int
    reason: str | None

    @property
    def offered(self) -> bool:
        return self.reason is None


def coverage(binding: Binding, exports: Callable[[str], bool] | None = None) -> list[Cell]:
    """Every operator of the layer tables in every dtype that the suites can make or that a layer has, by names.

    `exports` says whether a library has a function; without one the cells are what the binding can run at all.
    """
    cores = Counter((layer.op, dtype) for layer in core() for dtype in layer.quick_dtypes)
    fulls = Counter((layer.op, dtype) for layer in full() for dtype in layer.dtypes)
    return [
        Cell(name, dtype, cores[name, dtype], fulls[name, dtype], _reason(binding, name, dtype, exports))
        for name, operator in sorted(operators().items())
        for dtype in DTYPES
        if dtype in operator.dtypes or fulls[name, dtype]
    ]


def _reason(binding: Binding, operator: str, dtype: str, exports: Callable[[str], bool] | None) -> str | None:
    if dtype not in operators()[operator].dtypes:
        return f"the suites have no inputs and no reference for {operator} in {dtype}"
    reason = binding.offers(operator, dtype)
    if reason is None and exports is not None and isinstance(binding, Selective):
        return binding.lacks(operator, dtype, exports)
    return reason
