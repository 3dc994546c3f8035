"""The picture of where in a tensor a result is off."""

from typing import TYPE_CHECKING

import numpy as np

from ontarget.harness.metrics.error_map import ErrorMap
from ontarget.harness.plots.drawing import figure_of, headline, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def error_map(errors: ErrorMap, *, title: str = "", message: str = "", format: str = "svg") -> bytes:
    """A heat map of the largest error in each cell, as a share of what is allowed there; beyond 1 is off.

    800 pixels wide, light background. `format`: "svg", or "png" for a look.
    """
    rows = errors.cells.shape[0]
    height = 1.5 + min(5.0, max(1.2, 0.14 * rows))
    with figure_of(height) as figure:
        headline(figure, [title, message], height)
        figure.subplots_adjust(left=0.11, right=0.97, top=1 - 0.75 / height, bottom=0.6 / height)
        axes = figure.subplots()
        _draw(axes, errors)
        return saved(figure, format)


def _draw(axes: "Axes", errors: ErrorMap) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap

    finite = errors.cells[np.isfinite(errors.cells)]
    worst = float(finite.max(initial=0.0))
    # Steps, told apart in grey too: white is right, from the first red on the tolerance is broken.
    steps = [0.0, 1e-9, 0.5, 1.0, 2.0, 10.0, 100.0, np.inf]
    colours = ["#ffffff", "#e4edf5", "#b5cfe3", "#fdc086", "#f16913", "#a63603", "#3b0f00"]
    cells = np.where(np.isfinite(errors.cells), errors.cells, 1e300)
    drawn = axes.pcolormesh(
        _bounds(errors.columns),
        _bounds(errors.rows),
        cells,
        cmap=ListedColormap(colours),
        norm=BoundaryNorm([*steps[:-1], 1e301], len(colours)),
        edgecolors="#cccccc" if cells.size <= 1024 else "none",
        linewidth=0.3,
        rasterized=True,  # thousands of paths would be a megabyte
    )
    axes.invert_yaxis()
    axes.set_ylabel(errors.row_axes)
    axes.set_xlabel(f"{errors.column_axis}   (worst finite error: {worst:.3g} of what is allowed)")
    bar = axes.figure.colorbar(drawn, ax=axes, pad=0.015, fraction=0.05, ticks=[0.5, 1, 2, 10, 100], spacing="uniform")
    bar.ax.set_yticklabels(["0.5", "1", "2", "10", "100"])
    bar.set_label("error / allowed")


def _bounds(starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Edges of cells that begin at `starts` and end where the next begins [cells + 1], the last given as an end."""
    return starts.astype(np.float64) - 0.5
