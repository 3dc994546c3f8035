"""The pages of one run as one HTML file: styles, scripts and charts inside, nothing from anywhere else."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from ontarget.device_farm.errors import NoSuchRun
from ontarget.device_farm.memory.memory import Memory
from ontarget.device_farm.memory.overview import Overview
from ontarget.device_farm.reports.view import Check, RunView
from ontarget.device_farm.web.charts import history, pairs
from ontarget.device_farm.web.site import commit_address
from ontarget.device_farm.web.templating import STATIC, render

_STYLES: Final = ("uPlot.min.css", "page.css")
_SCRIPTS: Final = ("uPlot.iife.min.js", "page.js", "charts.js")
_MOST_FAILED: Final = 200
# A history has a thousand points: those of a run in which all failed would make a file that no browser opens.
_MOST_HISTORIES: Final = 50
_SAME_START: Final = 1.0  # seconds


@dataclass(frozen=True)
class FileLinks:
    """See `templating.Links`: places in the file."""

    commits: str = ""

    def run(self, _run: str) -> str:
        return "#main"

    def check(self, number: int) -> str:
        return f"#check-{number}"

    def cell(self, operator: str, model: str) -> str:
        return f"#cell-{hashlib.sha256(f'{operator} on {model}'.encode()).hexdigest()[:12]}"

    def outcome(self, _outcome: str) -> str:
        return "#checks"

    def device(self, _name: str) -> str:
        return ""

    def test(self, _test: str, _model: str | None) -> str:
        return ""

    def commit(self, commit: str | None) -> str:
        return commit_address(self.commits, commit)


@dataclass(frozen=True)
class Source:
    """The store that remembers what came before a run."""

    memory: Memory
    overview: Overview

    def completed(self, view: RunView) -> RunView:
        """A file's run with what the store knows of it beside; as it is where the store does not know it."""
        if view.run is not None or view.results.commit is None:
            return view
        try:
            row = self.overview.run(view.results.commit)
        except NoSuchRun:
            return view
        if abs(row.started - datetime.fromisoformat(view.results.started).timestamp()) > _SAME_START:
            return view
        return replace(view, run=row.id, branch=row.branch, baseline_commit=row.baseline_commit, purpose=row.purpose)


def as_html(view: RunView, source: Source | None = None, *, commits: str = "") -> str:
    """The whole file; with a `source`, what failed has its history and its pairs. Raises StoreFailed.

    `commits` is the address of a commit's page with `{commit}` in it.
    """
    styles = [_asset(name) for name in _STYLES]
    scripts = [_asset(name) for name in _SCRIPTS]
    links = FileLinks(commits)
    return render(
        "report.html",
        {
            "view": view,
            "links": links,
            "most": _MOST_FAILED,
            "charts": _charts(view, source, links),
            "styles": styles,
            "scripts": scripts,
            "style_hashes": Markup(" ".join(map(_hash, styles))),
            "script_hashes": Markup(" ".join(map(_hash, scripts))),
        },
    )


def _charts(view: RunView, source: Source | None, links: FileLinks) -> Mapping[int, Mapping[str, Any]]:
    empty = {"series": None, "pairs": None}
    found: dict[int, Mapping[str, Any]] = {check.number: empty for check in view.checks}
    if source is None:
        return found
    for check in [*view.failed, *view.warned, *view.improved][:_MOST_HISTORIES]:
        found[check.number] = {"series": _history(check, source, links), "pairs": _pairs(view, check, source)}
    return found


def _history(check: Check, source: Source, links: FileLinks) -> dict[str, str] | None:
    record = check.record
    if record.device is None or record.check is None or record.verdict is None:
        return None
    points = source.memory.series(record.id, record.device, record.check)
    if len(points) < 2:
        return None
    return {"values": json.dumps(history(points, links.commit, lambda _run: ""), separators=(",", ":"))}


def _pairs(view: RunView, check: Check, source: Source) -> dict[str, str] | None:
    record = check.record
    if view.run is None or record.device is None or record.check is None:
        return None
    measured = source.overview.measured(view.run, record.id, record.device, record.check)
    if measured is None or len(measured.differences) < 2:
        return None
    return {"values": json.dumps(pairs(measured, record.verdict, source.memory), separators=(",", ":"))}


def _asset(name: str) -> Markup:
    """A file of ours, as it is: none has the end of its element in it."""
    text = (STATIC / name).read_text(encoding="utf-8")
    if "</script" in text or "</style" in text:
        raise ValueError(f"{name} cannot stand in a page: it has the end of its own element in it")
    return Markup(text)


def _hash(text: str) -> str:
    """What the page's policy lets run. https://www.w3.org/TR/CSP3/#grammardef-hash-source"""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
