"""The recurrent cell of speech nets."""

import numpy as np

from ontarget.harness.binding import Case
from ontarget.harness.metrics.tolerance import FloatSum
from ontarget.suites.operators.draft import Draft, Expected, Operator, real
from ontarget.suites.references import recurrent


def _make_lstm(draft: Draft) -> None:
    """Input, state and gates' weights of sizes that leave no gate saturated; gates are in the order i, f, g, o."""
    hidden, inputs = draft.layer.attributes["hidden"], draft.layer.attributes["input_size"]
    deviation = 1 / np.sqrt(inputs + hidden)
    draft.output_shape = (2, hidden)  # the new h and c
    draft.fill("input", draft.rng.standard_normal(inputs))
    draft.fill("hidden", np.tanh(draft.rng.standard_normal(hidden)))
    draft.fill("cell", draft.rng.standard_normal(hidden))
    draft.fill("weights", deviation * draft.rng.standard_normal((4 * hidden, inputs + hidden)))
    draft.fill("bias", 0.5 * draft.rng.standard_normal(4 * hidden))


def _expect_lstm(case: Case) -> Expected:
    x, h, c, weights, bias = (real(case, name) for name in ("input", "hidden", "cell", "weights", "bias"))
    values = recurrent.lstm_cell(x, h, c, weights, bias)
    # A gate's sum errs by its products; sigmoid and tanh have slopes of at most 1, and each gate's value is at most 1.
    sums = np.abs(weights) @ np.abs(np.concatenate([x, h])) + np.abs(bias)
    i, f, g, o = sums.reshape(4, -1)
    cell = np.abs(c) * (1 + f) + i + g + 2
    return Expected(values, FloatSum(weights.shape[1] + 1, np.stack([cell + o, cell])))


OPERATORS = {"lstm_cell": Operator(_make_lstm, _expect_lstm, frozenset({"f32", "f16"}))}
