"""The table of a market: a row for each device model, with its share and what it is made of.

    # comment
    model,share,soc,cores,isa
    raspberry-pi-4b,12.5,bcm2711,cortex-a72,asimd

`model` is the name that the farm uses, `share` any number of at least 0 (per cent, pieces: only ratios count), `soc`
one word, `cores` and `isa` words with spaces between: the kinds of core, and the instruction set's features that a
library may choose a kernel by. A row of share 0 says what a model of the farm is that is no part of the market.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from math import fsum, isfinite
from pathlib import Path

from ontarget.device_farm.errors import BadShares

COLUMNS = ("model", "share", "soc", "cores", "isa")
KINDS = ("soc", "core", "isa")
EXAMPLE = "published_runs.csv"

Trait = tuple[str, str]
"""One of KINDS and a name: ("core", "cortex-a72")."""


@dataclass(frozen=True)
class Model:
    """A device model; `share` is as the table has it."""

    name: str
    share: float
    soc: str
    cores: frozenset[str]
    isa: frozenset[str]

    @cached_property
    def traits(self) -> frozenset[Trait]:
        """All that a unit of it stands for."""
        return frozenset({("soc", self.soc), *(("core", c) for c in self.cores), *(("isa", f) for f in self.isa)})


@dataclass(frozen=True)
class Market:
    models: tuple[Model, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Model]:
        return {model.name: model for model in self.models}

    def weights(self, kinds: Iterable[str] = KINDS) -> dict[Trait, float]:
        """What each trait is worth, of 1 in all.

        Kinds count alike. A model's share of a kind goes to its traits of that kind in equal parts, so that a phone
        with three kinds of core counts no more than a board with one.
        """
        wanted = tuple(kinds)
        parts: dict[Trait, list[float]] = {}
        for kind in wanted:
            sharers = [(model, [t for t in model.traits if t[0] == kind]) for model in self.models]
            total = fsum(model.share for model, traits in sharers if traits)
            for model, traits in sharers:
                for trait in traits:
                    if model.share > 0:
                        parts.setdefault(trait, []).append(model.share / total / len(traits) / len(wanted))
        return {trait: fsum(shares) for trait, shares in parts.items()}


def parse(text: str, source: str) -> Market:
    """Read a table. Raises BadShares, which names the line and what was expected there."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise BadShares(f"{source}: expected the columns {','.join(COLUMNS)}, found nothing")
    rows = [(number, _cells(line, f"{source}, line {number}")) for number, line in lines]
    found = tuple(cell.strip() for cell in rows[0][1])
    if found != COLUMNS:
        raise BadShares(
            f"{source}, line {rows[0][0]}: expected the columns {','.join(COLUMNS)}, found {','.join(found)}"
        )
    models = tuple(_model(cells, f"{source}, line {number}") for number, cells in rows[1:])
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadShares(f"{source}: expected each model once, found {', '.join(twice)} more than once")
    if not sum(model.share for model in models) > 0:
        raise BadShares(f"{source}: expected a model with a share above 0, found none")
    return Market(models)


def read(path: Path) -> Market:
    """Read a table from a file. Raises BadShares."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadShares(f"cannot read the market's shares from {path}: {error}") from error
    return parse(text, str(path))


def example() -> str:
    """The table that is shipped to show the form: published device runs, not a market."""
    return resources.files(__package__).joinpath(EXAMPLE).read_text("utf-8")


def _cells(line: str, where: str) -> list[str]:
    """A row is a line: a quote that is not closed there is a mistake."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise BadShares(f"{where}: expected cells with commas between, found {line!r} ({error})") from error


def _model(cells: list[str], where: str) -> Model:
    if len(cells) != len(COLUMNS):
        raise BadShares(f"{where}: expected {len(COLUMNS)} cells ({','.join(COLUMNS)}), found {len(cells)}: {cells}")
    name, share, soc, cores, isa = (cell.strip() for cell in cells)
    if not name or not soc or " " in name or " " in soc or not cores.split():
        raise BadShares(f"{where}: expected a model, a soc (one word each) and cores, found {cells}")
    try:
        number = float(share)
    except ValueError:
        number = -1.0
    if not (isfinite(number) and number >= 0):
        raise BadShares(f"{where}: expected a share of at least 0, found {share!r} for {name}")
    return Model(name, number, soc, frozenset(cores.split()), frozenset(isa.split()))
