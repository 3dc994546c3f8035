"""The nets' tables: nodes with what feeds them, and the sizes that a net is run in.

    {"version": 1, "name": ..., "application": ..., "layers": net in suites/layers, "source": ..., "note": ...,
     "sizes": {"small": {"inputs": {name: shape}, "width": factor of all channel counts}, "full": {...}},
     "nodes": [[name, operator, [inputs], {figures}], ...]}

The last node's output is the net's. Shapes follow from the inputs', so that one table serves all sizes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

SIZES = ("small", "full")
_VERSION = 1
_KEYS = {"version", "name", "application", "layers", "source", "note", "sizes", "nodes"}


class BadNetError(ValueError):
    """A table that does not say what a net needs; the message names net and node."""


@dataclass(frozen=True)
class Node:
    """One operator; `inputs` are names of nodes before it, or of the net's inputs."""

    name: str
    op: str
    inputs: tuple[str, ...]
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Size:
    """`inputs` are the shapes that the net is fed, `width` multiplies the channels of all nodes but the `fixed`."""

    inputs: Mapping[str, tuple[int, ...]]
    width: float = 1.0


@dataclass(frozen=True, eq=False)
class Net:
    """`layers` is the net of the layer table that this one is made of."""

    name: str
    application: str
    layers: str
    source: str
    note: str
    sizes: Mapping[str, Size]
    nodes: tuple[Node, ...]

    @property
    def operators(self) -> tuple[str, ...]:
        """Each once, in order."""
        return tuple(dict.fromkeys(node.op for node in self.nodes))


def parse(text: str) -> Net:
    """Read a table. Raises BadNetError."""
    table = json.loads(text)
    name = table.get("name", "?")
    if table.get("version") != _VERSION or table.keys() != _KEYS:
        raise BadNetError(
            f"net {name}: expected version {_VERSION} and the keys {sorted(_KEYS)}, found {sorted(table)}"
        )
    nodes = tuple(Node(row[0], row[1], tuple(row[2]), row[3]) for row in table["nodes"])
    sizes = {
        key: Size({one: tuple(shape) for one, shape in size["inputs"].items()}, size.get("width", 1.0))
        for key, size in table["sizes"].items()
    }
    if set(sizes) != set(SIZES):
        raise BadNetError(f"net {name}: expected the sizes {SIZES}, found {sorted(sizes)}")
    known = set(sizes["full"].inputs)
    for node in nodes:
        if missing := [one for one in node.inputs if one not in known]:
            raise BadNetError(f"net {name}: {node.name} is fed by {missing}, which come later or not at all")
        if node.name in known:
            raise BadNetError(f"net {name}: {node.name} is there twice")
        known.add(node.name)
    return Net(name, table["application"], table["layers"], table["source"], table["note"], sizes, nodes)


@cache
def nets() -> Mapping[str, Net]:
    """All that are shipped, by name."""
    folder = resources.files(__package__).joinpath("tables")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    read = [parse(file.read_text("utf-8")) for file in files]
    return {net.name: net for net in read}
