"""Pages from templates, with all that is put in escaped. The only place that imports Jinja."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ontarget.device_farm.reports.view import modelless, short_name
from ontarget.device_farm.web import wording
from ontarget.version import VERSION

_FOLDER: Final = Path(__file__).parent / "templates"
STATIC: Final = Path(__file__).parent / "static"


class Links(Protocol):
    """Where a page leads: to other pages of a server, or to places in the one file of a report."""

    def run(self, run: str) -> str: ...

    def check(self, number: int) -> str: ...

    def cell(self, operator: str, model: str) -> str: ...

    def outcome(self, outcome: str) -> str: ...

    def device(self, name: str) -> str: ...

    def test(self, test: str, model: str | None) -> str:
        """Of the test's history; "" where that is not to be had."""
        ...

    def commit(self, commit: str | None) -> str:
        """Of the commit's own page elsewhere; "" where nobody said where that is."""
        ...


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        amount=wording.amount,
        by_severity=wording.by_severity,
        commit=wording.short_commit,
        conditions=wording.conditions,
        effect=wording.effect,
        evidence=wording.evidence,
        interval=wording.interval,
        moment=wording.moment,
        percent=wording.percent,
        readable=wording.readable,
        seconds=wording.seconds,
        short=short_name,
        sign=wording.sign,
    )
    made.globals.update(is_address=wording.is_address, modelless=modelless, took=wording.took, version=VERSION)
    return made


def compile_all() -> None:
    """Make all templates ready, so that nobody's first page waits for it."""
    for name in _environment().list_templates():
        _environment().get_template(name)


def render(template: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(values)
