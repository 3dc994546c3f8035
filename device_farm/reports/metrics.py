"""A run in figures, as OpenMetrics text: what GitLab shows beside a merge request, and how it changed. Pure.

https://docs.gitlab.com/ci/testing/metrics_reports/ and https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterator

from ontarget.device_farm.reports.view import RunView
from ontarget.harness.results import CheckRecord

_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def as_metrics(view: RunView) -> str:
    """How many checks came out how by model, and each comparison's ratio of candidate and baseline."""
    lines = ["# TYPE ontarget_run_checks gauge", "# HELP ontarget_run_checks Checks of the run by model and outcome"]
    for model, counts in view.totals.items():
        lines += [
            f"ontarget_run_checks{_labels(model=model, outcome=str(outcome))} {count}"
            for outcome, count in counts.items()
        ]
    ratios = dict(_ratios(view))
    if ratios:
        lines += [
            "# TYPE ontarget_run_ratio gauge",
            "# HELP ontarget_run_ratio Candidate by baseline, 1.03 is 3 % more",
        ]
        lines += [f"ontarget_run_ratio{labels} {ratio:.6g}" for labels, ratio in sorted(ratios.items())]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _ratios(view: RunView) -> Iterator[tuple[str, float]]:
    for check in view.checks:
        record = check.record
        if record.verdict is not None and record.verdict.effect is not None:
            yield _labels(test=record.id, check=_check(record)), 1 + record.verdict.effect


def _check(record: CheckRecord) -> str:
    return record.check or "latency"


def _labels(**values: str) -> str:
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in values.items()) + "}"
