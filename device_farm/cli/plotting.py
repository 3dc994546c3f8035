"""Series in the terminal, drawn by plotille: the only place that imports it."""

from collections.abc import Sequence
from statistics import median
from typing import Final

import plotille

HEIGHT: Final = 14
_LEAST_WIDTH, _MOST_WIDTH = 30, 120
_MARGIN: Final = 16  # what plotille writes left of the plot
_POINTS, _LEVELS, _BEGINNINGS = "cyan", "red", "bright_black"


def draw(values: Sequence[float], starts: Sequence[int], *, unit: str, width: int, colours: bool) -> str:
    """The values [n >= 1] by their number (from 1), with a line for each level; `starts` is where levels begin.

    `width` is the terminal's, in characters.
    """
    figure = plotille.Figure()
    figure.width = max(_LEAST_WIDTH, min(_MOST_WIDTH, width - _MARGIN))
    figure.height = HEIGHT
    figure.with_colors = colours
    figure.x_label, figure.y_label = "commit", unit
    last = len(values)
    figure.set_x_limits(1, max(2, last))
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or abs(high) * 0.01 or 1.0
    figure.set_y_limits(low - margin, high + margin)
    figure.register_label_formatter(float, _number)
    figure.register_label_formatter(int, _number)
    figure.scatter(list(range(1, last + 1)), list(values), lc=_POINTS if colours else None)
    ends = [*starts[1:], last]
    for start, end in zip(starts, ends, strict=True):
        level = median(values[start:end])
        figure.plot([start + 1, max(start + 1, end)], [level, level], lc=_LEVELS if colours else None)
        if start:
            place = (start + 0.5) / max(1, last - 1)
            figure.axvline(min(1.0, max(0.0, place)), lc=_BEGINNINGS if colours else None)
    return str(figure.show())


def _number(value: float, chars: int, delta: float, left: bool = False) -> str:
    text = f"{value:.{0 if delta >= 2 else 4}g}" if delta < 2 else f"{value:.0f}"
    return text.ljust(chars) if left else text.rjust(chars)
