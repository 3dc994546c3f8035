"""What all pictures share: colours, fonts, margins in inches. The only place that imports matplotlib, and late."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by all; the sides differ in line style, too.
BASELINE_COLOUR: Final = "#0072B2"
CANDIDATE_COLOUR: Final = "#D55E00"
GREY: Final = "#666666"
WIDTH: Final = 8.0  # inches, of 100 pixels
_PREFIXES: Final = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
_LARGE_PREFIXES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


@contextmanager
def figure_of(height: float, *, font: float = 11) -> Iterator["Figure"]:
    """A figure 800 pixels wide and `height` inches high, to be drawn on and saved inside the block."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rc("svg", fonttype="none", hashsalt="ontarget")  # text stays text: smaller, searchable, quicker
        mpl.rc("font", family="sans-serif", size=font)
        mpl.rc("axes.spines", top=False, right=False)
        # A font without one of the signs is the viewer's matter: the picture carries text, not outlines.
        warnings.filterwarnings("ignore", message="Glyph")
        yield Figure(figsize=(WIDTH, height), dpi=100)


def saved(figure: "Figure", format: str) -> bytes:
    """The picture: "svg", the same bytes each time, or "png" for a look."""
    out = BytesIO()
    figure.savefig(out, format=format, metadata={"Date": None} if format == "svg" else None)
    return out.getvalue()


def headline(figure: "Figure", lines: list[str], height: float) -> None:
    """Lines at the top left; those that are too long are cut."""
    place = {"x": 0.015, "y": 1 - 0.08 / height, "ha": "left", "va": "top"}
    shown = [line if len(line) <= 105 else f"{line[:104]}…" for line in lines if line]
    figure.suptitle("\n".join(shown), fontsize=11, parse_math=False, **place)


def legend_above(axes: "Axes") -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, fontsize=10, borderaxespad=0.1)


def scaled_unit(largest: float, unit: str) -> tuple[float, str]:
    """The factor to divide values up to `largest` by, and the unit's name with its SI prefix."""
    prefixes = _PREFIXES if unit == "s" else _LARGE_PREFIXES
    factor, prefix = next(((f, p) for f, p in prefixes if largest >= f), prefixes[-1])
    return factor, f"{prefix}{unit}" if unit == "s" else f"{prefix} {unit}".strip()
