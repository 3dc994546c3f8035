"""A picture of a test over commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ontarget.harness.plots.drawing import BASELINE_COLOUR, CANDIDATE_COLOUR, GREY, figure_of, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Panel:
    """A test over commits on one device: `names` and `values` (in `unit`) by commit, in order.

    `starts` are the indexes at which a level begins, the first 0; `marks` are words at some of them.
    """

    title: str
    unit: str
    names: Sequence[str]
    values: Sequence[float]
    starts: Sequence[int]
    marks: Mapping[int, str]


def over_commits(panels: Sequence[Panel], *, format: str = "svg") -> bytes:
    """The panels below each other, 800 pixels wide: a point for each commit, a line for each level."""
    height = 2.8 * len(panels)
    with figure_of(height, font=10) as figure:
        figure.subplots_adjust(
            left=0.1, right=0.98, top=1 - 0.45 / height, bottom=0.75 / height, hspace=0.65 if len(panels) > 1 else None
        )
        for axes, panel in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
            _draw_commits(axes, panel)
        return saved(figure, format)


def _draw_commits(axes: "Axes", panel: Panel) -> None:
    values = np.asarray(panel.values, dtype=np.float64)
    axes.plot(range(len(values)), values, "o", color=BASELINE_COLOUR, markersize=3.5)
    for start, end in zip(panel.starts, [*panel.starts[1:], len(values)], strict=True):
        level = float(np.median(values[start:end]))
        axes.plot([start, end - 1], [level, level], color=CANDIDATE_COLOUR, linewidth=1.5)
        if start:
            axes.axvline(start - 0.5, color=GREY, linestyle=":", linewidth=1)
    for index, word in panel.marks.items():
        axes.annotate(word, (index, 1), xycoords=("data", "axes fraction"), fontsize=9, va="bottom", color=GREY)
    places = sorted({0, len(values) - 1, *panel.marks})
    axes.set_xticks(places, [panel.names[place] for place in places], rotation=20, ha="right", fontsize=8)
    axes.set_ylabel(panel.unit)
    # noise of a fraction of a per cent is not to fill the picture
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low)
    axes.set_ylim(min(low - margin, 0.97 * high), max(high + margin, 1.03 * low))
    axes.set_title(panel.title if len(panel.title) <= 100 else f"{panel.title[:99]}…", fontsize=10, loc="left", pad=14)
