"""Pictures of comparisons, of errors in a tensor and of histories, as SVG."""

from ontarget.harness.plots.commits import Panel, over_commits
from ontarget.harness.plots.comparisons import distributions
from ontarget.harness.plots.drawing import scaled_unit
from ontarget.harness.plots.errors import error_map

__all__ = ["Panel", "distributions", "error_map", "over_commits", "scaled_unit"]
