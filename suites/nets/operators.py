"""Operators that join layers and that no layer table has: activations by themselves, and moves.

Bindings are asked for them by these names, as for any other: "relu" and "relu6" (of one input), "concat" (of the last
axis; inputs are "input", "input2" ...), "slice" (of the last axis: attributes `begin`, `channels`), "transpose" (of all
axes: attribute `order`).
"""

from collections.abc import Callable, Mapping

import numpy as np

from ontarget.harness.binding import Case
from ontarget.harness.metrics.tolerance import Exact
from ontarget.suites.operators.draft import Array, Expected

Inputs = Mapping[str, Array]


def _relu(case: Case, x: Inputs) -> Array:
    del case
    return np.maximum(x["input"], 0.0)


def _relu6(case: Case, x: Inputs) -> Array:
    del case
    return np.clip(x["input"], 0.0, 6.0)


def _concat(case: Case, x: Inputs) -> Array:
    del case
    return np.concatenate(list(x.values()), axis=-1)


def _slice(case: Case, x: Inputs) -> Array:
    begin = case.attributes["begin"]
    part: Array = x["input"][..., begin : begin + case.attributes["channels"]]
    return part


def _transpose(case: Case, x: Inputs) -> Array:
    return np.transpose(x["input"], case.attributes["order"])


JOINING: Mapping[str, Callable[[Case, Inputs], Array]] = {
    "relu": _relu,
    "relu6": _relu6,
    "concat": _concat,
    "slice": _slice,
    "transpose": _transpose,
}


def inputs_of(case: Case) -> dict[str, Array]:
    """The tensors that are no weights, as float64, in order."""
    return {key: x.astype(np.float64) for key, x in case.tensors.items() if key.startswith("input")}


def expect(case: Case) -> Expected:
    """What one of them gives: nothing is rounded."""
    return Expected(JOINING[case.op](case, inputs_of(case)), Exact())
