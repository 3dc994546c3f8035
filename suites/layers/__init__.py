"""The layers that the suites run: operators with shapes, each with the public source that its shape comes from."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import prod
from types import MappingProxyType
from typing import Any

APPLICATIONS = (
    "ranking",
    "content_understanding",
    "object_detection",
    "tracking",
    "pose",
    "action_segmentation",
    "speech",
    "translation",
    "text_in_images",
)

_VERSION = 2

# How the sources' own names of a data type are tested; a shuffle of 32-bit words is f32's, one of bytes qs8's.
_TESTED_AS = {
    "f32": "f32",
    "x32": "f32",
    "f16": "f16",
    "qs8": "qs8",
    "qu8": "qu8",
    "qu8xqs8": "qs8",
    "u8": "qu8",
    "x8": "qs8",
    "qd8": "qs8",
    "qd8_f32": "qs8",
    "qd8_f32_qc8w": "qs8",
    "qd8_f32_qc4w": "qs8",
}
_UNTESTED = frozenset({"int8_rowwise", "int4_rowwise", "int2_rowwise"})
# The quick set tests one float and one 8-bit type: with signs, as most libraries have it.
_QUICK = {"f32": "f32", "qs8": "qs8", "qu8": "qs8"}


class BadLayerTableError(ValueError):
    """A layer table that does not say what a layer needs; the message names the layer and the key."""


@dataclass(frozen=True)
class Layer:
    """One operator with its shapes, as some net of the application runs it.

    `attributes` are shapes as tuples (`input`, `output` NHWC), `kernel`, `stride`, `dilation` (height, width),
    `pad_tlbr` (top, left, bottom, right), `groups`, or `m`, `n`, `k` of a product; `macs` are multiply-accumulates,
    0 for operators that have none; `source_dtypes` are the source's names; `repeats` is how often the net runs it;
    `quick` tells the layers of the core suite; `provenance` is "copied" or "derived" from the source.
    """

    id: str
    application: str
    net: str
    name: str
    op: str
    source_dtypes: tuple[str, ...]
    attributes: Mapping[str, Any]
    macs: int
    source: str
    provenance: str
    note: str = ""
    repeats: int = 1
    quick: bool = False

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Those of f32, f16, qs8 and qu8 that the layer is tested in."""
        tested = {_TESTED_AS[name] for name in self.source_dtypes if name in _TESTED_AS}
        return tuple(sorted(tested.union(self.quick_dtypes)))

    @property
    def quick_dtypes(self) -> tuple[str, ...]:
        """Those that the core suite tests it in; none if it is not in it."""
        if not self.quick:
            return ()
        tested = {_TESTED_AS[name] for name in self.source_dtypes if name in _TESTED_AS}
        return tuple(sorted({_QUICK[name] for name in tested if name in _QUICK}))

    @property
    def work(self) -> int:
        """What orders layers of one operator by cost: multiply-accumulates, else elements times window."""
        if self.macs:
            return self.macs
        shape = self.attributes.get("output", self.attributes.get("input", (1,)))
        if "pixels" in self.attributes:
            shape = tuple(self.attributes[key] for key in ("pixels", "groups", "group_channels"))
        return int(prod(shape) * prod(self.attributes.get("kernel", (1,))))


def parse(text: str) -> tuple[Layer, ...]:
    """Read a layer table. Raises BadLayerTableError."""
    table = json.loads(text)
    if table.get("version") != _VERSION:
        raise BadLayerTableError(f"expected a layer table of version {_VERSION}, found {table.get('version')!r}")
    quick = frozenset(table["core"])
    layers = tuple(_layer(row, quick=row.get("id") in quick) for row in table["layers"])
    counts = Counter(layer.id for layer in layers)
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise BadLayerTableError(f"expected each layer once, found {twice} more than once")
    if strangers := sorted(quick - counts.keys()):
        raise BadLayerTableError(f"expected the core suite's layers in the table, found no {strangers}")
    return layers


@cache
def full() -> tuple[Layer, ...]:
    """All 1,620 layers."""
    return parse(resources.files(__name__).joinpath("layers.json").read_text("utf-8"))


@cache
def core() -> tuple[Layer, ...]:
    """The 87 layers of the per-commit suite: for each application and operator the one of median cost."""
    return tuple(layer for layer in full() if layer.quick)


def _layer(row: Mapping[str, Any], *, quick: bool) -> Layer:
    keys = {"id", "application", "net", "name", "op", "dtypes", "macs", "attributes", "source", "provenance"}
    unknown_keys = row.keys() - keys - {"note", "repeats"}
    if keys - row.keys() or unknown_keys:
        raise BadLayerTableError(
            f"layer {row.get('id', '?')}: missing {sorted(keys - row.keys())}, unknown {sorted(unknown_keys)}"
        )
    if row["application"] not in APPLICATIONS:
        raise BadLayerTableError(f"layer {row['id']}: no application {row['application']!r}; there are {APPLICATIONS}")
    if unknown := set(row["dtypes"]) - _TESTED_AS.keys() - _UNTESTED:
        raise BadLayerTableError(f"layer {row['id']}: unknown dtypes {sorted(unknown)}")
    attributes = {key: _frozen(value) for key, value in row["attributes"].items()}
    return Layer(
        id=row["id"],
        application=row["application"],
        net=row["net"],
        name=row["name"],
        op=row["op"],
        source_dtypes=tuple(row["dtypes"]),
        attributes=MappingProxyType(attributes),
        macs=row["macs"],
        source=row["source"],
        provenance=row["provenance"],
        note=row.get("note", ""),
        repeats=row.get("repeats", 1),
        quick=quick,
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
