"""What is done to a layer to make it hard, for which operators that means something, and how the result is judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.buffers import STRICT, Placing
from ontarget.harness.binding import Binding, Case, Quantization
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.tolerance import Tolerance, Underflow, Unjudged
from ontarget.suites.cases import make_case
from ontarget.suites.hard.shapes import layer_of, without_batch
from ontarget.suites.operators.draft import FLOATS, MIDDLE, Expected
from ontarget.suites.operators.products import CONVOLUTIONS
from ontarget.suites.promises import promised, unpromised

PRODUCTS = frozenset((*CONVOLUTIONS, "deconv2d", "gemm"))
_POOLS = frozenset({"max_pool2d", "average_pool2d", "global_average_pool"})
_CURVES = frozenset({"sigmoid", "hardswish", "softmax"})
_IMAGES = PRODUCTS | _POOLS | _CURVES | {"add", "channel_shuffle"}
_FLOATS, _GRIDS = frozenset(FLOATS), frozenset(MIDDLE)

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Hardship:
    """`make` gives the case of an operator in a dtype; `ops` and `dtypes` are those for which it means something.

    `placing` is where the buffers lie. `asks` is what the binding has to promise, by default the name, "" for nothing.
    `lenient` says how the result is judged if it does not; where it is None, the case is then not run.
    """

    name: str
    ops: frozenset[str]
    dtypes: frozenset[str]
    make: Callable[[str, str], Case]
    placing: Placing = STRICT
    lenient: Callable[[Case, Expected, str], Tolerance] | None = None
    asks: str | None = None
    core: bool = False

    @property
    def asked(self) -> str:
        return self.name if self.asks is None else self.asks


def judged(hardship: Hardship, binding: Binding, case: Case, expected: Expected) -> Expected:
    """What the case should give, as far as the binding promises it. Raises NotOffered where nothing of it is left."""
    kept = Expected(_stored(case, expected.values), _with_underflow(expected.tolerance))
    kept = promised(binding, case, kept)
    reason = unpromised(binding, case, hardship.asked) if hardship.asked else None
    if reason is None:
        return kept
    if hardship.lenient is None:
        raise NotOffered(f"{case.layer} in {case.dtype}, {hardship.name}: {reason}")
    return replace(kept, tolerance=hardship.lenient(case, kept, reason))


def _stored(case: Case, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Results beyond a float type's largest number are infinite in it."""
    if case.dtype not in FLOATS:
        return values
    with np.errstate(over="ignore"):
        rounded = values.astype(case.output_dtype)
    return np.where(np.isinf(rounded), rounded.astype(np.float64), values)


def _with_underflow(rule: Tolerance) -> Tolerance:
    """Each product that ends below the smallest normal number errs by half the smallest of all, whatever its size.

    fl(x y) = x y (1 + d) + e, |e| at most half the smallest number (Higham, "Accuracy and Stability of Numerical
    Algorithms", 2nd edition, 2.1). As many terms as the sum has, and what an activation multiplies it by (at most 6).
    """
    terms = getattr(rule, "terms", None)
    return rule if terms is None else Underflow(rule, steps=terms / 2 + 3)


def _not_numbers(case: Case, expected: Expected, reason: str) -> Tolerance:
    del case
    return Unjudged(expected.tolerance, np.isnan(expected.values), reason)


def _changed(case: Case, **tensors: NDArray[Any]) -> Case:
    return replace(case, tensors={**case.tensors, **tensors})


def _primes(op: str, dtype: str) -> Case:
    return make_case(layer_of(op, "primes"), dtype)


def _inputs(case: Case) -> list[str]:
    return [name for name in case.tensors if name.startswith("input")]


def _sprinkled(case: Case, values: list[float], *, seed: int = 7) -> Case:
    """Each of `values` at a few places of the first input: 1 element in 40, and one at least."""
    x = case.tensors["input"].copy()
    places = np.random.default_rng(seed).permutation(x.size)[: len(values) * max(x.size // 40, 1)]
    x.flat[places] = np.resize(values, len(places))
    return _changed(case, input=x)


def _nan(op: str, dtype: str) -> Case:
    return _sprinkled(_primes(op, dtype), [np.nan])


def _infinity(op: str, dtype: str) -> Case:
    """Of both signs, but for softmax, whose masks are -infinity, and for hardswish, where -infinity times 0 is NaN."""
    return _sprinkled(_primes(op, dtype), {"softmax": [-np.inf], "hardswish": [np.inf]}.get(op, [np.inf, -np.inf]))


def _overflow(op: str, dtype: str) -> Case:
    """All of one sign, so that no order of summation stays within the type."""
    case = _primes(op, dtype)
    most = float(np.finfo(case.output_dtype).max)
    tensors = {name: np.full_like(case.tensors[name], most * 0.9) for name in _inputs(case)}
    if "weights" in case.tensors:
        tensors["weights"] = (1 + np.abs(case.tensors["weights"])).astype(case.output_dtype)
    return _changed(case, **tensors)


def _denormals(op: str, dtype: str) -> Case:
    """Inputs below the smallest normal number; weights are as ever, bias is as small."""
    case = _primes(op, dtype)
    small = np.finfo(case.output_dtype).tiny / 16
    names = [*_inputs(case), *(["bias"] if "bias" in case.tensors else [])]
    return _changed(
        case, **{name: (case.tensors[name].astype("f8") * small).astype(case.output_dtype) for name in names}
    )


def _underflow(op: str, dtype: str) -> Case:
    """Arguments whose exponential falls below the smallest normal number, and below the smallest of all."""
    case = _primes(op, dtype)
    least = float(np.log(np.finfo(case.output_dtype).tiny))
    x = np.linspace(1.4 * least, 0.0, case.tensors["input"].size).reshape(case.tensors["input"].shape)
    x[..., -1] = 0.0
    return _changed(case, input=x.astype(case.output_dtype))


def _large(op: str, dtype: str) -> Case:
    """Arguments whose exponential is infinite."""
    case = _primes(op, dtype)
    return _changed(case, input=(case.tensors["input"].astype("f8") * 300).astype(case.output_dtype))


def _zeros(op: str, dtype: str) -> Case:
    """Zeros of both signs, or nothing but the zero point."""
    case = _primes(op, dtype)
    tensors = {}
    for name in _inputs(case):
        zero = case.quantization[name].zero_point if name in case.quantization else 0
        tensors[name] = np.full_like(case.tensors[name], zero)
        if dtype in FLOATS:
            tensors[name].flat[::2] = -0.0
    return _changed(case, **tensors)


def _saturation(op: str, dtype: str) -> Case:
    """An output grid eight times as fine as the results need: most of them are beyond it."""
    case = _primes(op, dtype)
    grid = case.quantization["output"]
    fine = Quantization(float(np.float32(np.asarray(grid.scale) / 8)), grid.zero_point)
    return replace(case, quantization={**case.quantization, "output": fine})


def _extremes(op: str, dtype: str) -> Case:
    """Inputs at the ends of their range, zero points too."""
    case = _primes(op, dtype)
    limits = np.iinfo(case.tensors["input"].dtype)
    rng = np.random.default_rng(11)
    ends = {name: rng.choice([limits.min, limits.max], case.tensors[name].shape) for name in _inputs(case)}
    grids = dict(case.quantization)
    for index, name in enumerate(_inputs(case)):
        if name in grids:
            grids[name] = replace(grids[name], zero_point=int(limits.max if index else limits.min))
    if op == "max_pool2d":
        grids["output"] = grids["input"]
    tensors = {name: values.astype(case.tensors[name].dtype) for name, values in ends.items()}
    return replace(_changed(case, **tensors), quantization=grids)


def _empty(op: str, dtype: str) -> Case:
    return make_case(without_batch(op), dtype)


def _in_place(op: str, dtype: str) -> Case:
    return replace(_primes(op, dtype), in_place=True)


_ALL = frozenset({"f32", "f16", "qs8", "qu8"})
_EVERY = _IMAGES | {"batch_gemm", "layer_norm", "lrn", "dot_interaction"}
_RESCALED = PRODUCTS | {"add", "average_pool2d", "global_average_pool"}
_MOVED = frozenset({"channel_shuffle"})

HARDSHIPS = (
    Hardship("nan", _EVERY, _FLOATS, _nan, lenient=_not_numbers, core=True),
    Hardship("infinity", _EVERY - {"lrn", "layer_norm"}, _FLOATS, _infinity, lenient=_not_numbers),
    Hardship("overflow", PRODUCTS | {"add"}, _FLOATS, _overflow),
    Hardship("denormals", _IMAGES, _FLOATS, _denormals, asks=""),
    Hardship("underflow", frozenset({"sigmoid", "softmax"}), _FLOATS, _underflow, asks=""),
    Hardship("large", _CURVES, _FLOATS, _large, asks=""),
    Hardship("zeros", _EVERY, _ALL, _zeros),
    Hardship("saturation", _RESCALED, _GRIDS, _saturation, core=True),
    Hardship("extremes", _IMAGES - _MOVED, _GRIDS, _extremes),
    Hardship("empty", _IMAGES | {"batch_gemm", "layer_norm", "lrn", "dot_interaction"}, _ALL, _empty),
    Hardship("misaligned", _EVERY, _ALL, _primes, Placing("end", skewed=True, fill=0xFF)),
    Hardship("start_guarded", _EVERY, _ALL, _primes, Placing("start", fill=0xFF)),
    Hardship("in_place", _CURVES | {"add"}, _ALL, _in_place),
)
