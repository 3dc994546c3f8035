"""Where in a tensor a result is off: the largest errors on a grid, and the worst elements. Pure functions."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.tolerance import Reals, Tolerance

WORST: Final = 10
MOST_CELLS: Final = 64  # along each side of the grid


@dataclass(frozen=True)
class WorstElement:
    """One element that is off: the error is `share` of what is allowed there."""

    index: tuple[int, ...]
    expected: float
    found: float
    allowed: float
    share: float


@dataclass(frozen=True)
class ErrorMap:
    """The errors of a tensor of `shape`, folded to two axes: the last one across, all others, in order, down.

    `cells` [at most MOST_CELLS, at most MOST_CELLS] hold the largest error in each, as a share of what is allowed
    (infinite where a value should be a NaN or is one); `rows` and `columns` [cells + 1] are where they begin and end.
    `off` counts the elements beyond 1; `worst` are at most WORST of those that err, the worst first.
    """

    shape: tuple[int, ...]
    off: int
    cells: NDArray[np.float64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    row_axes: str
    column_axis: str
    worst: tuple[WorstElement, ...]

    def to_json(self) -> dict[str, Any]:
        """Without the grid, which the picture shows; infinities as words, since JSON has none."""
        return {
            "shape": list(self.shape),
            "off": self.off,
            "worst": [
                {
                    "index": list(element.index),
                    **{
                        name: value if np.isfinite(value := getattr(element, name)) else str(value)
                        for name in ("expected", "found", "allowed", "share")
                    },
                }
                for element in self.worst
            ],
        }


def map_errors(found: NDArray[Any], expected: Reals, tolerance: Tolerance) -> ErrorMap:
    """Where `found` is off the float64 reference `expected` of the same shape, by `tolerance`."""
    target = tolerance.target(expected, found.dtype)
    allowed = np.broadcast_to(tolerance.allowed(expected, found.dtype), target.shape)
    return _mapped(found.astype(np.float64), target, allowed)


def map_differences(first: NDArray[Any], second: NDArray[Any]) -> ErrorMap:
    """Where two runs on the same inputs differ, as shares of the largest difference: nothing is allowed."""
    one, other = first.astype(np.float64), second.reshape(first.shape).astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.abs(other - one)
    largest = float(np.max(difference[np.isfinite(difference)], initial=0.0)) or 1.0
    return _mapped(other, one, np.full(one.shape, largest / 2))


def _mapped(actual: Reals, target: Reals, allowed: Reals) -> ErrorMap:
    shape = actual.shape
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(actual == target, 0.0, np.abs(actual - target))
        error = np.where(np.isnan(actual) & np.isnan(target), 0.0, error)
        share = np.where(error > 0, error / allowed, error)
    share = np.where(np.isnan(share), np.inf, share)
    flat = share.reshape(-1)
    order = np.argsort(-flat, kind="stable")[:WORST]
    worst = tuple(_element(int(place), shape, actual, target, allowed, share) for place in order if flat[place] > 0)
    folded = share.reshape(-1, shape[-1]) if shape else share.reshape(1, 1)
    rows, columns = _starts(folded.shape[0]), _starts(folded.shape[1])
    cells = folded
    if folded.size:
        cells = np.maximum.reduceat(np.maximum.reduceat(folded, rows[:-1], axis=0), columns[:-1], axis=1)
    last = len(shape) - 1
    before = ", ".join(f"{axis} ({size})" for axis, size in enumerate(shape[:-1]))
    return ErrorMap(
        shape=shape,
        off=int(np.count_nonzero(share > 1)),
        cells=cells,
        rows=rows,
        columns=columns,
        row_axes=f"axes {before}, flattened" if len(shape) > 2 else f"axis {before}" if before else "",
        column_axis=f"axis {last} ({shape[-1]})" if shape else "one value",
        worst=worst,
    )


def _element(
    place: int, shape: tuple[int, ...], actual: Reals, target: Reals, allowed: Reals, share: Reals
) -> WorstElement:
    index = tuple(int(axis) for axis in np.unravel_index(place, shape)) if shape else ()
    return WorstElement(index, float(target[index]), float(actual[index]), float(allowed[index]), float(share[index]))


def _starts(size: int) -> NDArray[np.int64]:
    """Where the cells along an axis of `size` begin, and the end [at most MOST_CELLS + 1]."""
    return np.unique(np.linspace(0, size, min(size, MOST_CELLS) + 1).astype(np.int64))
