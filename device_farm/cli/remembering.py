"""What the commands share that look into the memory of a store."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ontarget.device_farm.durations import parse_duration
from ontarget.device_farm.errors import BadDuration
from ontarget.harness.errors import OntargetError

if TYPE_CHECKING:
    from ontarget.device_farm.memory.memory import Memory, Series


@contextmanager
def opened_memory(farm: Path | None, on: tuple[str, ...]) -> "Iterator[Memory]":
    """The memory of the store that --farm and --on mean. Raises UserError, StoreFailed."""
    from ontarget.device_farm.memory.finding import memory_address
    from ontarget.device_farm.memory.memory import Memory
    from ontarget.device_farm.own import inventory_for

    with Memory.open(memory_address(inventory_for(farm, on, os.environ, Path.cwd()).store)) as memory:
        yield memory


def chosen_series(memory: "Memory", test: str | None, device: str | None, check: str | None) -> "list[Series]":
    """The series of a test (of all), narrowed. Raises NoSuchTest, click.UsageError if nothing is left of it."""
    from ontarget.device_farm.memory.finding import find_tests

    tests = None if test is None else set(find_tests(memory, test))
    known = [series for series in memory.known_series() if tests is None or series[0] in tests]
    for option, given, place in (("--device", device, 1), ("--check", check, 2)):
        there = sorted({series[place] for series in known})
        if given is not None and given not in there:
            others = ", ".join(there) or "nothing"
            raise click.UsageError(f"{option}: nothing is remembered of {given!r}; there is {others}")
        known = [series for series in known if given in (None, series[place])]
    return known


def complete_test(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the tests that the store knows, for the shell's completion."""
    given: Mapping[str, Any] = ctx.params
    try:
        with opened_memory(given.get("farm"), given.get("on") or ()) as memory:
            return [test for test in memory.tests() if test.startswith(incomplete)]
    except (OntargetError, OSError):
        return []  # a shell that completes is no place for messages


class MomentType(click.ParamType[float]):
    """A day, a time, or how long ago, as seconds since 1970."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return datetime.now(UTC).timestamp() - parse_duration(str(value))
        except BadDuration:
            pass
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day such as 2026-01-31, no time, and no duration such as 30d", param, ctx)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
