"""A net of a size as cases, one for each node: shapes inferred, weights drawn, activations left open."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.binding import Case
from ontarget.suites.nets.figures import Shapes, plan
from ontarget.suites.nets.tables import Net, Node
from ontarget.suites.nets.weights import Weights


@dataclass(frozen=True, eq=False)
class Step:
    """One node: `feeds` say which of the case's tensors are activations, and of which node or input.

    Those tensors have the shape, and no content: what stands for them is handed on. A `view` only reads its input in
    another shape, and has no call.
    """

    node: Node
    case: Case
    feeds: Mapping[str, str]

    @property
    def is_view(self) -> bool:
        return self.node.op == "reshape"


@dataclass(frozen=True, eq=False)
class Built:
    """A net of a size, ready to be computed or run. `inputs` are what it is fed, read-only."""

    net: Net
    size: str
    inputs: Mapping[str, NDArray[np.float32]]
    steps: tuple[Step, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of its products."""
        return sum(step.case.attributes.get("macs", 0) for step in self.steps)


@lru_cache(maxsize=4)
def build(net: Net, size: str) -> Built:
    """The net, always with the same weights and inputs. Raises BadNetError for shapes that do not go together."""
    digest = hashlib.sha256(f"{net.name} {size}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
    given = net.sizes[size]
    weights = Weights(rng)
    shapes: dict[str, tuple[int, ...]] = dict(given.inputs)
    numbers = {name: weights.take(shape, 1.0) for name, shape in given.inputs.items()}
    planned = []
    for node in net.nodes:
        planned.append(
            plan(net.name, node, Shapes(tuple(shapes[one] for one in node.inputs)), given.width, weights, rng)
        )
        shapes[node.name] = planned[-1].output_shape
    parts = weights.fix()
    steps = []
    for node, made in zip(net.nodes, planned, strict=True):
        tensors: dict[str, NDArray[Any]] = {}
        feeds: dict[str, str] = {}
        for key, one in zip(made.fed, node.inputs, strict=True):
            # one object each, as it is told by its identity which buffer stands for it
            tensors[key] = np.broadcast_to(np.float32(0), made.fed[key])
            feeds[key] = one
        tensors.update({key: parts[number] for key, number in made.weights.items()})
        tensors.update(made.constants)
        case = Case(node.op if made.op is None else made.op, "f32", f"{net.name}/{node.name}", made.attributes,
                    tensors, made.output_shape, "float32")  # fmt: skip
        steps.append(Step(node, case, feeds))
    return Built(net, size, {name: parts[number] for name, number in numbers.items()}, tuple(steps))
