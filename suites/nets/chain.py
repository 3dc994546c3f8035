"""What a whole net should give: float64 from layer to layer, and how far a library may be off at the end."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.metrics.tolerance import Reals, spacing, worst_of
from ontarget.suites.nets import operators as joining
from ontarget.suites.nets.building import Built
from ontarget.suites.nets.errors import spread, with_activations
from ontarget.suites.operators import operators
from ontarget.suites.operators.draft import Array, Expected

# What a layer's own rule allows is at least so many standard deviations of its error: of a sum 6 and more (see
# `FloatSum`), of a few roundings their bound.
_ALLOWED_DEVIATIONS = 3.0


@dataclass(frozen=True, eq=False)
class Propagated:
    """The rule for a net's result: `deviation` is the standard one of each element's error."""

    deviation: Reals
    layers: int

    def most_differing(self, elements: int) -> int:
        return elements

    def target(self, expected: Reals, dtype: np.dtype[np.generic]) -> Reals:
        del dtype
        return expected

    def allowed(self, expected: Reals, dtype: np.dtype[np.generic]) -> Reals:
        """So many deviations that the worst of all elements stays within in all but one of a million runs."""
        return np.asarray(worst_of(expected.size, 1) * self.deviation + spacing(expected, dtype) / 2)

    def describe(self) -> str:
        deviations = f"{worst_of(self.deviation.size, 1):.1f} deviations"
        return f"{deviations} of what {self.layers} layers may be off, each by its own rule, carried to the end"


def reference(built: Built) -> Expected:
    """The net's output in float64, with its tolerance in f32.

    Each layer errs by its operator's own rule for a single layer, and by what its inputs are off: so a net of right
    layers is right, and one that is wired wrongly is far outside.
    """
    values, variances = through(built)
    last = built.steps[-1]
    rule = Propagated(np.sqrt(variances[last.node.name]), sum(not step.is_view for step in built.steps))
    return Expected(values[last.node.name], rule)


def through(built: Built) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
    """Values and variances of all activations, by node or input."""
    values: dict[str, Array] = {name: x.astype(np.float64) for name, x in built.inputs.items()}
    variances: dict[str, Array] = {name: np.zeros(x.shape) for name, x in built.inputs.items()}
    for step in built.steps:
        shapes = {key: step.case.tensors[key].shape for key in step.feeds}
        given = {key: values[one].reshape(shapes[key]) for key, one in step.feeds.items()}
        errors = {key: variances[one].reshape(shapes[key]) for key, one in step.feeds.items()}
        output = step.case.output_shape
        if step.is_view:
            values[step.node.name] = given["input"].reshape(output)
            variances[step.node.name] = errors["input"].reshape(output)
            continue
        case = with_activations(step.case, given)
        expected = joining.expect(case) if case.op in joining.JOINING else operators()[case.op].expect(case)
        own = expected.tolerance.allowed(expected.values, _F32) / _ALLOWED_DEVIATIONS
        values[step.node.name] = expected.values.reshape(output)
        variances[step.node.name] = (spread(case, errors) + np.square(own)).reshape(output)
    return values, variances


_F32: np.dtype[np.float32] = np.dtype("<f4")
Floats = NDArray[np.float32]
