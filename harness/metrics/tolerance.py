"""How far a result may be from its reference, by how it was computed.

A tolerance is a rule on whole arrays: what the result should be in the result's own type (`target`), and how far each
element may be from that (`allowed`). What is allowed follows from rounding, never from what some library once gave.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

# The probability with which a faultless sum may exceed its bound in any of a result's elements.
_FALSE_ALARM = 1e-6

# Quantised elements that may be next to a tie in any result, however small.
FEW = 2


class Tolerance(Protocol):
    """The rule for one result."""

    def most_differing(self, elements: int) -> int:
        """How many of a result's `elements` may differ from the target at all."""
        ...

    def target(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        """The result to hit: `expected` (float64), rounded where the result has a grid."""
        ...

    def allowed(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        """The largest allowed |result - target| of each element, in the result's unit; broadcasts to `expected`."""
        ...

    def describe(self) -> str: ...


@dataclass(frozen=True, eq=False)
class FloatSum:
    """A sum of `terms` products: c sqrt(terms) eps magnitude, `magnitude` being the sum of the |products|.

    Rounding errors of a sum behave as independent and zero in the mean, so that they grow with the square root of
    their number: |error| <= lambda sqrt(K) u |a|.|b|, u = eps/2, except with probability 2 K exp(-lambda^2/2)
    (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019, theorem 3.1, first order).
    `c`, when None, is lambda/2 for the worst of all the result's elements to keep within in all but one run of a
    million: 3 to 5. `magnitude` when None is max(|expected|, its root mean square). eps is that of `accumulator`
    (a NumPy float type), which is the result's own when None.
    """

    terms: int
    magnitude: Reals | float | None = None
    c: float | None = None
    accumulator: str | None = None

    def most_differing(self, elements: int) -> int:
        return elements

    def target(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        del dtype
        return expected

    def allowed(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        eps = float(np.finfo(np.dtype(self.accumulator) if self.accumulator else dtype).eps)
        c = self.c if self.c is not None else worst_of(expected.size, self.terms) / 2
        magnitude = self.magnitude
        if magnitude is None:
            magnitude = np.maximum(np.abs(expected), root_mean_square(expected))
        # The result is rounded once more when it is stored: half a unit in the last place of its own type.
        return np.asarray(c * np.sqrt(self.terms) * eps * magnitude + spacing(expected, dtype) / 2, dtype=np.float64)

    def describe(self) -> str:
        c = "c" if self.c is None else f"{self.c:g}"
        return f"{c} sqrt({self.terms}) eps |a|.|b|"


@dataclass(frozen=True)
class Ulp:
    """At most `ulps` units in the last place of the result's type, at the expected value."""

    ulps: float

    def most_differing(self, elements: int) -> int:
        return elements

    def target(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        del dtype
        return expected

    def allowed(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        return self.ulps * spacing(expected, dtype)

    def describe(self) -> str:
        return f"{self.ulps:g} ULP"


@dataclass(frozen=True)
class WithinLsb:
    """A quantised result: `lsb` units from the expected value, rounded to nearest and clamped to the type's range.

    `expected` is in units of the result's grid, zero point included, not rounded. Libraries round the rescaling by
    fixed-point and by floating-point arithmetic, which differ next to a tie; `share` caps how many elements may
    differ at all (two may, of however few), so that a bias of rounding is not let through: floor instead of nearest
    moves half of them.
    `zero_point` is where the result's real zero lies, for its signal-to-noise ratio.
    """

    lsb: int = 1
    share: float = 0.01
    zero_point: int = 0

    def most_differing(self, elements: int) -> int:
        return max(int(self.share * elements), FEW)

    def target(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        range_ = np.iinfo(dtype)
        return np.clip(np.rint(expected), range_.min, range_.max)

    def allowed(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        del expected, dtype
        return np.asarray(float(self.lsb))

    def describe(self) -> str:
        return f"{self.lsb} LSB, in at most {self.share:.2%} of the elements"


@dataclass(frozen=True)
class Exact:
    """No rounding is allowed: maxima, moves, integer arithmetic."""

    def most_differing(self, elements: int) -> int:
        del elements
        return 0

    def target(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        del dtype
        return expected

    def allowed(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        del expected, dtype
        return np.asarray(0.0)

    def describe(self) -> str:
        return "exactly equal"


@dataclass(frozen=True, eq=False)
class Underflow:
    """Another rule, and `steps` of the smallest number that the type has: what is lost below the smallest normal one.

    `reason` says why a library may lose more than rounding does, "" if it may not.
    """

    rule: Tolerance
    steps: float
    reason: str = ""

    def most_differing(self, elements: int) -> int:
        return elements

    def target(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        return self.rule.target(expected, dtype)

    def allowed(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        return self.rule.allowed(expected, dtype) + self.steps * float(np.finfo(dtype).smallest_subnormal)

    def describe(self) -> str:
        return f"{self.rule.describe()}, and {self.steps:.3g} of the smallest number" + (
            f": {self.reason}" if self.reason else ""
        )


@dataclass(frozen=True, eq=False)
class Unjudged:
    """Another rule, but for the elements at which `where` is true: the library does not promise them, for `reason`."""

    rule: Tolerance
    where: NDArray[np.bool_]
    reason: str

    def most_differing(self, elements: int) -> int:
        return self.rule.most_differing(elements)

    def target(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        return self.rule.target(expected, dtype)

    def allowed(self, expected: Reals, dtype: np.dtype[Any]) -> Reals:
        return self.rule.allowed(expected, dtype)

    def describe(self) -> str:
        count = int(np.count_nonzero(self.where))
        return (
            f"{self.rule.describe()}; {count} elements are not judged: {self.reason}" if count else self.rule.describe()
        )


def default(dtype: np.dtype[Any], *, terms: int | None, magnitude: Reals | float | None) -> Tolerance:
    """The rule where a test names none: FloatSum for floats (of one term unless said), Exact for integers."""
    if dtype.kind == "f":
        return FloatSum(terms if terms is not None else 1, magnitude)
    return Exact()


def worst_of(elements: int, terms: int) -> float:
    """Higham and Mary's lambda for `elements` sums of `terms`, all of which keep their bound but once in a million."""
    return float(np.sqrt(2 * np.log(2 * max(elements, 1) * max(terms, 1) / _FALSE_ALARM)))


def root_mean_square(values: Reals) -> float:
    """Of the finite values; 0 if there are none."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0


def spacing(expected: Reals, dtype: np.dtype[Any]) -> Reals:
    """One unit in the last place of `dtype` at each |expected|; that of the largest finite value beyond it."""
    facts = np.finfo(dtype)
    finite = np.nan_to_num(np.abs(expected), nan=0.0, posinf=float(facts.max))
    within = np.minimum(finite, float(facts.max))
    # The largest value's own spacing overflows in its type: take the exponent's.
    exponent = np.where(within > 0, np.maximum(np.frexp(within)[1] - 1, facts.minexp), facts.minexp)
    return np.asarray(np.ldexp(float(facts.eps), exponent), dtype=np.float64)
