"""What ranking nets do with embeddings: look up and sum rows, and take the dot products of all pairs."""

import numpy as np

from ontarget.harness.binding import Case
from ontarget.harness.metrics.tolerance import FloatSum
from ontarget.suites.operators.draft import Draft, Expected, Operator, real
from ontarget.suites.references import embedding

# The sources' tables have 4,000,000 rows, half a gigabyte and more; their own debug variants 4,000.
ROWS = 4000


def _make_lengths_sum(draft: Draft) -> None:
    """Bags of unlike lengths, one of them empty where there are several; `tables` of them lie one after the other."""
    shape = draft.layer.attributes
    bags = shape["batch"] * shape.get("tables", 1)
    rows = min(shape.get("rows", ROWS), ROWS)
    lengths = draft.rng.poisson(shape["avg_lookups"], bags).astype(np.int32)
    if bags > 1:
        lengths[draft.rng.integers(bags)] = 0
    lengths[0] = max(lengths[0], 1)
    draft.output_shape = (bags, shape["dim"])
    draft.part("input", "weights", (rows, shape["dim"]))
    draft.tensors["lengths"] = lengths
    draft.tensors["indices"] = draft.rng.integers(rows, size=int(lengths.sum()), dtype=np.int64)


def _expect_lengths_sum(case: Case) -> Expected:
    rows, lengths, indices = real(case, "input"), case.tensors["lengths"], case.tensors["indices"]
    values = embedding.sparse_lengths_sum(rows, indices, lengths)
    magnitude = embedding.sparse_lengths_sum(np.abs(rows), indices, lengths)
    return Expected(values, FloatSum(max(int(lengths.max()), 1), magnitude))


def _make_interaction(draft: Draft) -> None:
    batch, features, dim = (draft.layer.attributes[key] for key in ("batch", "features", "dim"))
    draft.output_shape = (batch, features * (features - 1) // 2)
    draft.part("input", "input", (batch, features, dim))


def _expect_interaction(case: Case) -> Expected:
    x = real(case, "input")
    magnitude = embedding.dot_interaction(np.abs(x))
    return Expected(embedding.dot_interaction(x), FloatSum(x.shape[-1], magnitude))


OPERATORS = {
    "sparse_lengths_sum": Operator(_make_lengths_sum, _expect_lengths_sum, frozenset({"f32", "f16"})),
    "dot_interaction": Operator(_make_interaction, _expect_interaction, frozenset({"f32"})),
}
