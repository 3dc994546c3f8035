"""A case in the making: tensors in a data type, their grids, and how results are compared on a grid."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.binding import Case, Quantization
from ontarget.harness.metrics.tolerance import Tolerance, WithinLsb
from ontarget.suites import noise
from ontarget.suites.layers import Layer

Array = NDArray[np.float64]

# Not 0, so that a kernel that forgets a zero point is wrong.
SECOND_ZERO_POINT = -7
OUTPUT_ZERO_POINT = -5

FLOATS = {"f32": "float32", "f16": "float16"}
# Where the middle of an 8-bit type lies: all grids are made as if signed, and moved there.
MIDDLE = {"qs8": 0, "qu8": 128}
_STORED = {**FLOATS, "qs8": "int8", "qu8": "uint8"}

# How many quantised outputs may be a step away. Rescaling a sum by a float or by a 31-bit fixed-point number errs by
# about 2^-23 of at most 128 steps, and ties of the two kinds of rounding fall differently: far below 1 in 1000.
RESCALED = 1e-3


@dataclass
class Draft:
    """What a maker fills in for a layer in a data type; `rng` is seeded by both."""

    layer: Layer
    dtype: str
    rng: np.random.Generator
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    quantization: dict[str, Quantization] = field(default_factory=dict)
    output_shape: tuple[int, ...] = ()
    output_dtype: str = ""

    def __post_init__(self) -> None:
        self.output_dtype = self.output_dtype or stored_as(self.dtype)

    @property
    def quantised(self) -> bool:
        return self.dtype in MIDDLE

    @property
    def middle(self) -> int:
        return MIDDLE[self.dtype]

    def part(self, name: str, kind: str, shape: tuple[int, ...]) -> None:
        """A tensor of standard normal numbers, or of steps: a part of the arrays that all layers share."""
        self.tensors[name] = noise.part(kind, self.dtype, shape, self.rng)

    def fill(self, name: str, values: Array, *, deviation: float = 1.0, zero_point: int = noise.ZERO_POINT) -> None:
        """A tensor of real `values`; `deviation` is their standard one, which sets the grid."""
        if not self.quantised:
            self.tensors[name] = values.astype(stored_as(self.dtype))
            return
        scale = c_float(deviation / noise.STEPS_PER_DEVIATION)
        zero_point += self.middle
        limits = np.iinfo(stored_as(self.dtype))
        steps = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
        self.tensors[name] = steps.astype(stored_as(self.dtype))
        self.quantization[name] = Quantization(scale, zero_point)

    def fit_output(self, deviation: float) -> None:
        """An output grid for results of this standard deviation."""
        scale = c_float(deviation / noise.STEPS_PER_DEVIATION)
        self.quantization["output"] = Quantization(scale, OUTPUT_ZERO_POINT + self.middle)


@dataclass(frozen=True, eq=False)
class Expected:
    """A reference, float64 in the shape of the output (quantised: in its grid, unrounded), and its tolerance."""

    values: Array
    tolerance: Tolerance


@dataclass(frozen=True)
class Operator:
    """`make` draws a layer's tensors, `expect` says what they should give; `dtypes` are those that both know."""

    make: Callable[[Draft], None]
    expect: Callable[[Case], Expected]
    dtypes: frozenset[str] = frozenset({"f32", "f16", "qs8", "qu8"})


def stored_as(dtype: str) -> str:
    """NumPy's name of the type that tensors of `dtype` are stored in."""
    return _STORED[dtype]


def c_float(value: float) -> float:
    """The nearest value that a C float parameter carries unchanged."""
    return float(np.float32(value))


def real(case: Case, name: str) -> Array:
    """A tensor as the real numbers that it stands for."""
    stored = case.tensors[name].astype(np.float64)
    quantization = case.quantization.get(name)
    return stored if quantization is None else (stored - quantization.zero_point) * np.asarray(quantization.scale)


def is_quantised(case: Case) -> bool:
    return case.dtype in MIDDLE


def on_grid(case: Case, values: Array, *, share: float = RESCALED) -> Expected:
    """Real numbers in units of the output's grid."""
    output = case.quantization["output"]
    return Expected(values / np.asarray(output.scale) + output.zero_point, WithinLsb(1, share, output.zero_point))
