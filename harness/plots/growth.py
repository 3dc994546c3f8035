"""A picture of shares that grow step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ontarget.harness.plots.drawing import BASELINE_COLOUR, CANDIDATE_COLOUR, GREY, figure_of, legend_above, saved

_HEIGHT = 4.2
_STYLES = ((BASELINE_COLOUR, "-"), (CANDIDATE_COLOUR, "--"), ("#009E73", "-."))


@dataclass(frozen=True)
class Growth:
    """`lines` are shares of 1 by name, each [steps]; `steps` are the steps' names."""

    title: str
    steps: Sequence[str]
    lines: Mapping[str, Sequence[float]]


def growing(growth: Growth, *, format: str = "svg") -> bytes:
    """A line for each name, 800 pixels wide."""
    with figure_of(_HEIGHT, font=10) as figure:
        figure.subplots_adjust(left=0.09, right=0.98, top=0.82, bottom=0.13)
        axes = figure.subplots()
        for (name, values), (colour, style) in zip(growth.lines.items(), _STYLES, strict=False):
            axes.plot(
                range(len(values)), [100 * value for value in values], style, marker="o", color=colour, label=name
            )
        axes.set_xticks(range(len(growth.steps)), growth.steps)
        axes.set_ylim(0, 100)
        axes.set_ylabel("%")
        axes.grid(axis="y", color=GREY, alpha=0.2)
        legend_above(axes)
        figure.suptitle(growth.title, fontsize=11, x=0.015, y=0.98, ha="left", va="top", parse_math=False)
        return saved(figure, format)
