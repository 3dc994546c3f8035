"""Verdicts from launch pairs: pure and deterministic, on NumPy alone."""

from ontarget.harness.statistics.ebh import e_bh
from ontarget.harness.statistics.sequential import (
    EProcessRule,
    confirmation_rule,
    decide,
    eprocess_rule,
    sequential,
    verdict,
)

__all__ = ["EProcessRule", "confirmation_rule", "decide", "e_bh", "eprocess_rule", "sequential", "verdict"]
