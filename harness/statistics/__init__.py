"""Verdicts from launch pairs and histories: pure and deterministic, on NumPy alone."""

from ontarget.harness.statistics.changes import ChangePoint, change_points, detect
from ontarget.harness.statistics.ebh import e_bh
from ontarget.harness.statistics.sequential import (
    EProcessRule,
    confirmation_rule,
    decide,
    eprocess_rule,
    sequential,
    verdict,
)

__all__ = [
    "ChangePoint",
    "EProcessRule",
    "change_points",
    "confirmation_rule",
    "decide",
    "detect",
    "e_bh",
    "eprocess_rule",
    "sequential",
    "verdict",
]
