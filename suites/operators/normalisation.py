"""Normalisation over channels."""

import numpy as np

from ontarget.harness.binding import Case
from ontarget.harness.metrics.tolerance import FloatSum
from ontarget.suites.operators.draft import Draft, Expected, Operator, real
from ontarget.suites.references import normalisation

# GoogLeNet's own (Krizhevsky et al. 2012); the tables give none.
LRN = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
EPSILON = 1e-5  # of layer normalisation: the default of the frameworks

_FLOATS = frozenset({"f32", "f16"})


def _make_lrn(draft: Draft) -> None:
    """Inputs large enough for the normaliser to matter: with standard normal ones it would be 1 to 4 digits."""
    shape = draft.layer.attributes["input"]
    draft.output_shape = shape
    draft.fill("input", 100.0 * draft.rng.standard_normal(shape))


def _expect_lrn(case: Case) -> Expected:
    values = normalisation.local_response(real(case, "input"), **LRN)
    # The sum of `size` squares carries its relative error through the power beta < 1; power and quotient add 4 units.
    return Expected(values, FloatSum(int(LRN["size"]) + 4, np.abs(values), c=4.0))


def _make_layer_norm(draft: Draft) -> None:
    """Rows with means and deviations of their own, so that forgetting either shows."""
    rows, channels = draft.layer.attributes["input"]
    draft.output_shape = (rows, channels)
    centre, width = 2 * draft.rng.standard_normal((rows, 1)), np.exp(0.5 * draft.rng.standard_normal((rows, 1)))
    draft.fill("input", centre + width * draft.rng.standard_normal((rows, channels)))
    draft.fill("weights", 1 + 0.25 * draft.rng.standard_normal(channels))
    draft.fill("bias", 0.5 * draft.rng.standard_normal(channels))


def _expect_layer_norm(case: Case) -> Expected:
    x, weights, bias = (real(case, name) for name in ("input", "weights", "bias"))
    values = normalisation.layer(x, weights, bias, epsilon=EPSILON)
    # Each element is one of a row's difference to its mean, both rounded sums of all channels.
    deviation = np.sqrt(x.var(axis=-1, keepdims=True) + EPSILON)
    magnitude = (np.abs(x) + np.abs(x).mean(axis=-1, keepdims=True)) / deviation * np.abs(weights) + np.abs(bias)
    return Expected(values, FloatSum(x.shape[-1], magnitude))


OPERATORS = {
    "lrn": Operator(_make_lrn, _expect_lrn, _FLOATS),
    "layer_norm": Operator(_make_layer_norm, _expect_layer_norm, _FLOATS),
}
