"""A metric beside latency: one number of each build, by a fresh process of each, compared as latency is."""

from collections.abc import Callable
from dataclasses import dataclass

from ontarget.harness.metrics.pairs import Contest, Side


class Unmeasured(Exception):
    """The device does not let the metric be measured; the text says why. Nothing is said of the builds."""


@dataclass(frozen=True)
class Reading:
    """The value of one build, in the metric's unit, and what else is worth telling of it."""

    value: float
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """`name` is its `check` in results, `unit` that of its values, of which less is better.

    `measure` reads one side's value in a fresh process; it raises Unmeasured, what the candidate's code ends in, and
    BaselineUnusable for the baseline. `target` is the growth that must be found, `smallest_effect` what is too small to
    matter (ratios - 1). An `exact` one has no noise: one value of each build decides. `timed` ones mean nothing where
    the device's clock does not tell time. `more` and `less` are its words.
    """

    name: str
    unit: str
    measure: Callable[[Contest, Side], Reading]
    target: float
    smallest_effect: float
    exact: bool = False
    timed: bool = False
    more: str = "more"
    less: str = "less"
