"""The picture of a comparison: distributions, paired differences, and what the device was doing meanwhile."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.pairs import LaunchPair, Side
from ontarget.harness.plots.drawing import (
    BASELINE_COLOUR,
    CANDIDATE_COLOUR,
    GREY,
    figure_of,
    headline,
    legend_above,
    saved,
    scaled_unit,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_COLOURS: Final = {Side.BASELINE: BASELINE_COLOUR, Side.CANDIDATE: CANDIDATE_COLOUR}
_LINES: Final = {Side.BASELINE: "-", Side.CANDIDATE: "--"}
_PANEL: Final = 2.2  # inches
_CONDITIONS: Final = (
    ("cpu_mhz", "MHz", GREY),
    ("temperature_c", "°C", CANDIDATE_COLOUR),
    ("load", "load", BASELINE_COLOUR),
)
_Line = tuple[str, str, list[float], list[float]]  # words, colour, times, values


def distributions(comparison: Comparison, *, title: str = "", format: str = "svg") -> bytes | None:
    """Both sides' distributions with their medians, the pairs' differences in order with the effect's interval, and
    the device's conditions on the same time axis as those, as far as it tells any.

    800 pixels wide, light background. None if nothing was measured. `format`: "svg", or "png" for a look.
    """
    values = {side: comparison.values(side) for side in (Side.BASELINE, Side.CANDIDATE)}
    if any(found.size == 0 for found in values.values()):
        return None
    differences = comparison.differences()
    conditions = _conditions(comparison.pairs) if differences.size > 1 else []
    panels = 1 + (differences.size > 1) + (1 if conditions else 0)
    height = 0.8 + _PANEL * panels
    with figure_of(height) as figure:
        headline(figure, [title, f"{comparison.verdict.answer}: {comparison.message}"], height)
        # Margins by hand, in inches: a layout engine would take longer than all of the drawing.
        figure.subplots_adjust(left=0.09, right=0.92, top=1 - 0.85 / height, bottom=0.55 / height, hspace=0.62)
        axes = figure.subplots(panels, 1, squeeze=False)[:, 0]
        _draw_distributions(axes[0], values, comparison.unit)
        if panels > 1:
            _draw_differences(axes[1], differences, comparison)
        if conditions:
            _draw_conditions(axes[2], conditions, comparison)
        return saved(figure, format)


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
    legend_above(axes)


def _spans(pairs: Sequence[LaunchPair]) -> tuple[list[tuple[float, float]], bool]:
    """From when to when each pair was measured: in seconds where all of them say, else by their number."""
    known = [(pair.began, pair.ended) for pair in pairs]
    timed = [(began, ended) for began, ended in known if began is not None and ended is not None]
    if len(timed) == len(pairs):
        return timed, True
    return [(number - 0.3, number + 0.3) for number in range(1, len(pairs) + 1)], False


def _draw_differences(axes: "Axes", differences: NDArray[np.float64], comparison: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    shown = 100 * np.expm1(differences)
    spans, timed = _spans(comparison.pairs)
    places = [
        (began + ended) / 2 for (began, ended), pair in zip(spans, comparison.pairs, strict=True) if pair.flaw is None
    ]
    verdict = comparison.verdict
    axes.axhline(0, color=GREY, linewidth=1)
    if verdict.effect is not None:
        axes.axhline(
            100 * verdict.effect,
            color=CANDIDATE_COLOUR,
            linestyle="--",
            linewidth=1.5,
            label=f"estimate {100 * verdict.effect:+.2f} %",
        )
    low, high = verdict.interval
    if low is not None and high is not None:
        interval = f"its 95 % interval, {100 * low:+.2f} to {100 * high:+.2f} %"
        axes.axhspan(100 * low, 100 * high, color=CANDIDATE_COLOUR, alpha=0.15, linewidth=0, label=interval)
    first = len(shown) - comparison.confirming
    axes.plot(places, shown, "o", color="#333333", markersize=4)
    if 0 < first < len(shown):
        between = (places[first - 1] + places[first]) / 2
        axes.axvline(between, color=GREY, linestyle=":", linewidth=1, label="fresh pairs from here")
    axes.set_xlim(*_edges(spans))
    axes.set_xlabel("launch pairs in measuring order" + (", by seconds since the first began" if timed else ""))
    axes.set_ylabel("slower by, %")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=not timed))
    legend_above(axes)


def _edges(spans: Sequence[tuple[float, float]]) -> tuple[float, float]:
    low, high = spans[0][0], spans[-1][1]
    margin = 0.02 * (high - low) or 0.5
    return low - margin, high + margin


def _conditions(pairs: Sequence[LaunchPair]) -> list[_Line]:
    """What the device told before and after the pairs, a line for each kind of reading that it has at all."""
    spans, _ = _spans(pairs)
    lines = []
    for name, words, colour in _CONDITIONS:
        found = [
            (moment, float(value))
            for (began, ended), pair in zip(spans, pairs, strict=True)
            for moment, conditions in ((began, pair.before), (ended, pair.after))
            if (value := getattr(conditions, name)) is not None
        ]
        if found:
            lines.append((words, colour, [moment for moment, _ in found], [value for _, value in found]))
    return lines


def _draw_conditions(axes: "Axes", lines: Sequence[_Line], comparison: Comparison) -> None:
    """Each reading has a scale of its own, the first two at the sides; their lowest and highest are in the legend."""
    from matplotlib.ticker import MaxNLocator

    handles: list[Artist] = []
    for place, (words, colour, moments, values) in enumerate(lines):
        own = axes if place == 0 else axes.twinx()
        low, high = min(values), max(values)
        label = (f"{low:.4g} to " if high > low else "") + f"{high:.4g} {words}"
        handles += own.plot(
            moments, values, color=colour, linewidth=1.2, linestyle=("-", "--", ":")[place], label=label
        )
        margin = 0.15 * (high - low) or 0.05 * abs(high) or 1.0
        own.set_ylim(low - margin, high + margin)
        own.tick_params(axis="y", colors=colour, labelsize=9)
        own.spines["right"].set_visible(place == 1)
        if place == 0:
            own.set_ylabel(words, color=colour)
        if place > 1:
            own.set_yticks([])
    spans, timed = _spans(comparison.pairs)
    marks = ((_throttled, CANDIDATE_COLOUR, "throttled"), (_flawed, GREY, "not counted"))
    for holds, colour, words in marks:
        found = [span for span, pair in zip(spans, comparison.pairs, strict=True) if holds(pair)]
        for number, (began, ended) in enumerate(found):
            band = axes.axvspan(began, ended, color=colour, alpha=0.2, linewidth=0, label=f"{words}: {len(found)}")
            if number == 0:
                handles.append(band)
    axes.set_xlim(*_edges(spans))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=not timed))
    axes.set_xlabel("the device meanwhile" + (", by the same seconds" if timed else ", by launch pair"))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.1,
        columnspacing=1.4,
    )


def _throttled(pair: LaunchPair) -> bool:
    return bool(pair.before.throttled or pair.after.throttled)


def _flawed(pair: LaunchPair) -> bool:
    return pair.flaw is not None
