"""How close one result came to its reference, and whether one build comes as close as another. Pure functions."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.tolerance import FEW, Reals, Tolerance, Unjudged, WithinLsb, root_mean_square, spacing

# STATISTICS: an error above twice the baseline's is a regression, though within the tolerance.
_TIMES_THE_BASELINES = 2.0

# Fewer quantised values than this share move from build to build by ties of rounding alone.
_SHARE_OF_TIES = 1e-3


@dataclass(frozen=True)
class Closeness:
    """One result against its reference. Errors are |result - target| in the result's unit (for integers, LSB).

    `worst` is the largest error as a share of what is allowed there; `off` counts elements beyond 1; `index`, `found`,
    `target` and `allowed` are those of the worst element. `worst_ulp` is None for integers. `sqnr_db` is the ratio
    of signal to error power against the unrounded reference, None where there is no error or no signal. `differing`
    counts the elements that are not the target, of which `most_differing` are allowed. `typical_ulp` is the unit in
    the last place at the result's root mean square, `largest_ulp` that at its largest element (0 for integers): errors
    below are rounding's. `digest` is the SHA-256 of the result's bytes.
    """

    elements: int
    off: int
    worst: float
    index: tuple[int, ...]
    found: float
    target: float
    allowed: float
    max_error: float
    rms_error: float
    worst_ulp: float | None
    sqnr_db: float | None
    differing: int
    most_differing: int
    typical_ulp: float
    largest_ulp: float
    digest: str

    @property
    def within(self) -> bool:
        """Whether every element, and the share that differs, is within the tolerance."""
        return self.off == 0 and self.differing <= self.most_differing

    def summary(self) -> dict[str, Any]:
        """What a report keeps of it; errors that are infinite as None, which JSON has."""
        figures = {
            "worst": self.worst,
            "worst_ulp": self.worst_ulp,
            "max_error": self.max_error,
            "rms_error": self.rms_error,
            "sqnr_db": self.sqnr_db,
        }
        finite = {name: None if value is None or not np.isfinite(value) else value for name, value in figures.items()}
        return {**finite, "elements": self.elements, "differing": self.differing, "digest": self.digest}


def measure(found: NDArray[Any], expected: Reals, tolerance: Tolerance) -> Closeness:
    """Compare `found` with the float64 reference `expected` of the same shape. An expected NaN asks for a NaN."""
    target = tolerance.target(expected, found.dtype)
    allowed = np.broadcast_to(tolerance.allowed(expected, found.dtype), target.shape)
    actual = found.astype(np.float64)
    error = _errors(actual, target)
    if isinstance(tolerance, Unjudged):
        error = np.where(tolerance.where, 0.0, error)
    with np.errstate(divide="ignore", invalid="ignore"):
        used = np.where(error > 0, error / allowed, 0.0)
    used = np.where(np.isnan(used), np.inf, used)  # an infinite error where infinity is allowed is still off
    place = np.unravel_index(int(np.argmax(used)), used.shape) if used.size else ()
    index = tuple(int(axis) for axis in place)
    is_float = found.dtype.kind == "f"
    ulps = spacing(target, found.dtype) if is_float else np.ones_like(target)
    return Closeness(
        elements=found.size,
        off=int(np.count_nonzero(used > 1)),
        worst=float(used[place]) if used.size else 0.0,
        index=index,
        found=float(actual[place]) if used.size else 0.0,
        target=float(target[place]) if used.size else 0.0,
        allowed=float(allowed[place]) if used.size else 0.0,
        max_error=float(error.max(initial=0.0)),
        rms_error=_rms(error),
        worst_ulp=float((error / ulps).max(initial=0.0)) if is_float else None,
        sqnr_db=_sqnr(actual, expected, tolerance.zero_point if isinstance(tolerance, WithinLsb) else 0),
        differing=int(np.count_nonzero(error > 0)),
        most_differing=tolerance.most_differing(found.size),
        typical_ulp=float(np.finfo(found.dtype).eps) * root_mean_square(expected) if is_float else 0.0,
        largest_ulp=float(ulps[np.isfinite(expected)].max(initial=0.0)) if is_float else 0.0,
        digest=digest_of(found),
    )


def digest_of(result: NDArray[Any]) -> str:
    """The SHA-256 (hex) of a result's bytes, as `Process.digest` makes it on the device."""
    return hashlib.sha256(result.tobytes()).hexdigest()


def why_off(side: Closeness, tolerance: Tolerance) -> str:
    """What is wrong with a result that is not `within`, for people."""
    if side.off:
        ulp = "" if side.worst_ulp is None else f", worst of all {side.worst_ulp:.3g} ULP"
        return (
            f"{side.off} of {side.elements} elements are off the reference: worst at {list(side.index)}, "
            f"expected {side.target:.9g}, found {side.found:.9g}, "
            f"allowed ±{side.allowed:.3g} ({tolerance.describe()}{ulp})"
        )
    return (
        f"{side.differing} of {side.elements} elements differ from the reference, by {side.max_error:g} at most; "
        f"allowed: {tolerance.describe()}"
    )


def why_regressed(candidate: Closeness, baseline: Closeness) -> str | None:
    """Why the candidate is less accurate than the baseline, None if it is not.

    Compared are the worst error (as a share of the tolerance), the root mean square error, and for integers the worst
    error and the share that differs; each counts above twice the baseline's and above what rounding alone makes.
    """
    findings = []
    if candidate.worst_ulp is None:
        by_ties = max(_SHARE_OF_TIES * candidate.elements, FEW)
        if candidate.differing > max(_TIMES_THE_BASELINES * baseline.differing, by_ties):
            findings.append(
                f"{candidate.differing} elements differ from the reference, the baseline's {baseline.differing}"
            )
        # One unit may be a tie of rounding.
        if candidate.max_error > max(_TIMES_THE_BASELINES * baseline.max_error, 1.0):
            findings.append(f"worst error {candidate.max_error:g} LSB, the baseline's {baseline.max_error:g}")
    else:
        if candidate.worst > _TIMES_THE_BASELINES * baseline.worst and candidate.max_error > candidate.largest_ulp:
            findings.append(f"worst error {candidate.worst:.3g} of the tolerance, the baseline's {baseline.worst:.3g}")
        # A result rounded once, and rightly, has an error of 0.29 of its unit in the root mean square.
        floor = max(_TIMES_THE_BASELINES * baseline.rms_error, candidate.typical_ulp / 2)
        if candidate.rms_error > floor:
            findings.append(f"rms error {candidate.rms_error:.3g}, the baseline's {baseline.rms_error:.3g}")
    return "; ".join(findings) or None


def _errors(actual: Reals, target: Reals) -> Reals:
    with np.errstate(invalid="ignore"):  # infinity - infinity; set right below
        error = np.abs(actual - target)
    error = np.where(actual == target, 0.0, error)  # equal infinities
    both = np.isnan(actual) & np.isnan(target)
    either = np.isnan(actual) ^ np.isnan(target)
    return np.where(both, 0.0, np.where(either, np.inf, error))


def _rms(error: Reals) -> float:
    return float(np.sqrt(np.mean(np.square(error)))) if error.size else 0.0


def _sqnr(actual: Reals, expected: Reals, zero_point: int) -> float | None:
    finite = np.isfinite(actual) & np.isfinite(expected)
    signal = float(np.sum(np.square(expected[finite] - zero_point)))
    noise = float(np.sum(np.square(actual[finite] - expected[finite])))
    return 10 * float(np.log10(signal / noise)) if signal > 0 and noise > 0 else None
