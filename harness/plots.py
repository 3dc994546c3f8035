"""Pictures of comparisons and histories, as SVG. The only place that imports matplotlib, and late: it takes long."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.pairs import Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by all; the sides differ in line style, too.
_COLOURS = {Side.BASELINE: "#0072B2", Side.CANDIDATE: "#D55E00"}
_LINES = {Side.BASELINE: "-", Side.CANDIDATE: "--"}
_GREY = "#666666"
_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
_LARGE_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def distributions(comparison: Comparison, *, title: str = "", format: str = "svg") -> bytes | None:
    """Both sides' distributions with their medians, and the pairs' differences in order with the effect's interval.

    800 pixels wide, light background. None if nothing was measured. `format`: "svg", or "png" for a look.
    """
    values = {side: comparison.values(side) for side in (Side.BASELINE, Side.CANDIDATE)}
    if any(found.size == 0 for found in values.values()):
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    differences = comparison.differences()
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rc("svg", fonttype="none", hashsalt="ontarget")  # text stays text: smaller, searchable, quicker
        mpl.rc("font", family="sans-serif", size=11)
        mpl.rc("axes.spines", top=False, right=False)
        # A font without one of the signs is the viewer's matter: the picture carries text, not outlines.
        warnings.filterwarnings("ignore", message="Glyph")
        two = differences.size > 1
        height = 5.2 if two else 3.0
        figure = Figure(figsize=(8, height), dpi=100)
        place = {"x": 0.015, "y": 1 - 0.08 / height, "ha": "left", "va": "top"}
        figure.suptitle(_title(comparison, title), fontsize=11, parse_math=False, **place)
        # Margins by hand, in inches: a layout engine would take longer than all of the drawing.
        figure.subplots_adjust(left=0.09, right=0.98, top=1 - 0.85 / height, bottom=0.55 / height, hspace=0.62)
        panels = figure.subplots(2 if two else 1, 1, squeeze=False)[:, 0]
        _draw_distributions(panels[0], values, comparison.unit)
        if two:
            _draw_differences(panels[1], differences, comparison)
        out = BytesIO()
        figure.savefig(out, format=format, metadata={"Date": None} if format == "svg" else None)
    return out.getvalue()


def _title(comparison: Comparison, title: str) -> str:
    verdict = f"{comparison.verdict.answer}: {comparison.message}"
    lines = [title, verdict] if title else [verdict]
    return "\n".join(line if len(line) <= 105 else f"{line[:104]}…" for line in lines)


def scaled_unit(largest: float, unit: str) -> tuple[float, str]:
    """The factor to divide values up to `largest` by, and the unit's name with its SI prefix."""
    prefixes = _PREFIXES if unit == "s" else _LARGE_PREFIXES
    factor, prefix = next(((f, p) for f, p in prefixes if largest >= f), prefixes[-1])
    return factor, f"{prefix}{unit}" if unit == "s" else f"{prefix} {unit}".strip()


def _draw_distributions(axes: "Axes", values: dict[Side, NDArray[np.float64]], unit: str) -> None:
    everything = np.concatenate(list(values.values()))
    factor, name = scaled_unit(float(np.median(everything)), unit)
    low, high = (float(end) / factor for end in np.quantile(everything, (0.005, 0.95)))
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.001
    bins = int(min(60, max(12, 2.5 * np.sqrt(everything.size))))
    edges = np.linspace(low - margin, high + margin, bins + 1)
    beyond = 0
    for side, found in values.items():
        here = found / factor
        beyond += int(np.sum((here < edges[0]) | (here > edges[-1])))
        counts = np.histogram(here, edges)[0] / here.size
        middle = float(np.median(here))
        label = f"{side}, median {middle:,.4g} {name}" if unit == "s" else f"{side}, median {middle:,.6g} {name}"
        axes.stairs(counts, edges, fill=True, color=_COLOURS[side], alpha=0.25)
        axes.stairs(counts, edges, color=_COLOURS[side], linestyle=_LINES[side], linewidth=1.2)
        axes.axvline(middle, color=_COLOURS[side], linestyle=_LINES[side], linewidth=2, label=label)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(f"one call, {name}" + (f"  ({beyond} values beyond the edges)" if beyond else ""))
    axes.set_ylabel("share of bursts")
    axes.set_yticks([])
    axes.set_ylim(bottom=0)
    _legend_above(axes)


def _draw_differences(axes: "Axes", differences: NDArray[np.float64], comparison: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    shown = 100 * np.expm1(differences)
    order = np.arange(1, len(shown) + 1)
    verdict = comparison.verdict
    axes.axhline(0, color=_GREY, linewidth=1)
    if verdict.effect is not None:
        axes.axhline(
            100 * verdict.effect,
            color=_COLOURS[Side.CANDIDATE],
            linestyle="--",
            linewidth=1.5,
            label=f"estimate {100 * verdict.effect:+.2f} %",
        )
    low, high = verdict.interval
    if low is not None and high is not None:
        axes.axhspan(
            100 * low, 100 * high, color=_COLOURS[Side.CANDIDATE], alpha=0.15, linewidth=0, label="its 95 % interval"
        )
    fresh = len(shown) - comparison.confirming
    axes.plot(order, shown, "o", color="#333333", markersize=4)
    if 0 < fresh < len(shown):
        axes.axvline(fresh + 0.5, color=_GREY, linestyle=":", linewidth=1, label="fresh pairs to confirm from here on")
    axes.set_xlim(0.5, len(shown) + 0.5)
    axes.set_xlabel("launch pair, in measuring order")
    axes.set_ylabel("slower by, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend_above(axes)


def _legend_above(axes: "Axes") -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, fontsize=10, borderaxespad=0.1)


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
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rc("svg", fonttype="none", hashsalt="ontarget")
        mpl.rc("font", family="sans-serif", size=10)
        mpl.rc("axes.spines", top=False, right=False)
        warnings.filterwarnings("ignore", message="Glyph")
        height = 2.8 * len(panels)
        figure = Figure(figsize=(8, height), dpi=100)
        figure.subplots_adjust(
            left=0.1, right=0.98, top=1 - 0.45 / height, bottom=0.75 / height, hspace=0.65 if len(panels) > 1 else None
        )
        for axes, panel in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
            _draw_commits(axes, panel)
        out = BytesIO()
        figure.savefig(out, format=format, metadata={"Date": None} if format == "svg" else None)
    return out.getvalue()


def _draw_commits(axes: "Axes", panel: Panel) -> None:
    values = np.asarray(panel.values, dtype=np.float64)
    axes.plot(range(len(values)), values, "o", color=_COLOURS[Side.BASELINE], markersize=3.5)
    for start, end in zip(panel.starts, [*panel.starts[1:], len(values)], strict=True):
        level = float(np.median(values[start:end]))
        axes.plot([start, end - 1], [level, level], color=_COLOURS[Side.CANDIDATE], linewidth=1.5)
        if start:
            axes.axvline(start - 0.5, color=_GREY, linestyle=":", linewidth=1)
    for index, word in panel.marks.items():
        axes.annotate(word, (index, 1), xycoords=("data", "axes fraction"), fontsize=9, va="bottom", color=_GREY)
    places = sorted({0, len(values) - 1, *panel.marks})
    axes.set_xticks(places, [panel.names[place] for place in places], rotation=20, ha="right", fontsize=8)
    axes.set_ylabel(panel.unit)
    # noise of a fraction of a per cent is not to fill the picture
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low)
    axes.set_ylim(min(low - margin, 0.97 * high), max(high + margin, 1.03 * low))
    axes.set_title(panel.title if len(panel.title) <= 100 else f"{panel.title[:99]}…", fontsize=10, loc="left", pad=14)
