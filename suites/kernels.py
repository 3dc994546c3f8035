"""What the suites' modules share: their parameters, and the two checks of a kernel."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import pytest
from _pytest.mark.structures import ParameterSet

from ontarget.harness.agent.buffers import STRICT
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.binding import Binding, Case, check_end
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.accuracy import Launcher
from ontarget.suites.cases import make_case
from ontarget.suites.layers import Layer, core, full
from ontarget.suites.promises import promised
from ontarget.suites.reference_cache import ReferenceCache


class Checker(Protocol):
    """A fixture `accuracy`."""

    def check(self, call: Any, candidate: Any, baseline: Any, /, **options: Any) -> object: ...


class Comparer(Protocol):
    """A fixture `latency`."""

    def compare(self, call: Any, candidate: Any, baseline: Any, /, **options: Any) -> object: ...


def layers(application: str) -> Callable[[pytest.Metafunc], None]:
    """A module's `pytest_generate_tests`: the application's layers, each in its dtypes, as `layer` and `dtype`.

    The core suite's unless the mark expression names `full`, or a single test is asked for by its id.
    """

    def generate(metafunc: pytest.Metafunc) -> None:
        if "layer" in metafunc.fixturenames:
            metafunc.parametrize(("layer", "dtype"), parameters(application, everything=_wants_full(metafunc.config)))

    return generate


def parameters(application: str, *, everything: bool) -> list[ParameterSet]:
    """The application's layers in their dtypes. Ids are LAYER-DTYPE.

    Each carries the mark `kernel(application, operator, layer, dtype)` for reports, `core` or `full`, and `smallest` if
    it is the least work among all core layers of its operator and dtype.
    """
    return [
        pytest.param(layer, dtype, id=f"{layer.id}-{dtype}", marks=_marks(layer, dtype))
        for layer in (full() if everything else core())
        if layer.application == application
        for dtype in (layer.dtypes if everything else layer.quick_dtypes)
    ]


def _wants_full(config: pytest.Config) -> bool:
    return "full" in re.findall(r"\w+", config.option.markexpr) or any("[" in argument for argument in config.args)


def check_accuracy(
    layer: Layer, dtype: str, binding: Binding, candidate: Launcher, baseline: Launcher | None, accuracy: Checker
) -> None:
    """The library's result against the float64 reference and the baseline's error. Raises NotOffered."""
    case = _case(layer, dtype, binding)
    expected = promised(binding, case, ReferenceCache().reference(case))
    accuracy.check(
        prepared(binding, case),
        candidate,
        baseline,
        expected=expected.values,
        tolerance=expected.tolerance,
        deadline=_deadline(layer),
        placing=STRICT,
    )


def compare_latency(
    layer: Layer, dtype: str, binding: Binding, candidate: Launcher, baseline: Launcher | None, latency: Comparer
) -> None:
    """The library's time against the baseline's. Raises NotOffered."""
    latency.compare(prepared(binding, _case(layer, dtype, binding)), candidate, baseline, deadline=_deadline(layer))


def prepared(binding: Binding, case: Case) -> Callable[[Process], Bound]:
    """What starts the library in a fresh process of either build and sets the case up there."""

    def call(library: Process) -> Bound:
        binding.start(library)
        bound = binding.prepare(library, case)
        check_end(binding, bound)
        return bound

    return call


def _deadline(layer: Layer) -> float:
    """Seconds after which one call hangs: a hundred times what the slowest core in use would take, and a margin."""
    return 2.0 + layer.work / 1e7


def _case(layer: Layer, dtype: str, binding: Binding) -> Case:
    """Asks the binding first: what is not offered costs neither inputs nor a process on the device."""
    if reason := binding.offers(layer.op, dtype):
        raise NotOffered(f"{layer.id}: {reason}")
    return make_case(layer, dtype)


@cache
def smallest() -> frozenset[tuple[str, str]]:
    """(layer, dtype) of the least-work core layer of each operator and dtype; ids break ties."""
    least: dict[tuple[str, str], Layer] = {}
    for layer in sorted(core(), key=lambda layer: (layer.work, layer.id)):
        for dtype in layer.quick_dtypes:
            least.setdefault((layer.op, dtype), layer)
    return frozenset((layer.id, dtype) for (_, dtype), layer in least.items())


def _marks(layer: Layer, dtype: str) -> list[pytest.MarkDecorator]:
    kernel = pytest.mark.kernel(application=layer.application, operator=layer.op, layer=layer.id, dtype=dtype)
    marks = [kernel, pytest.mark.core if dtype in layer.quick_dtypes else pytest.mark.full]
    return [*marks, pytest.mark.smallest] if (layer.id, dtype) in smallest() else marks
