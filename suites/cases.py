"""Seeded inputs for a layer in a data type: what a binding runs and a reference computes."""

import hashlib

import numpy as np

from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered
from ontarget.suites.layers import Layer
from ontarget.suites.operators import operators
from ontarget.suites.operators.draft import Draft, Expected


def make_case(layer: Layer, dtype: str, seed: int = 0) -> Case:
    """The layer's tensors in `dtype` (f32, f16, qs8 or qu8), drawn from a generator seeded by layer, dtype and `seed`.

    Raises NotOffered for an operator without inputs and reference here, in the dtype or at all.
    """
    operator = operators().get(layer.op)
    if operator is None or dtype not in operator.dtypes:
        raise NotOffered(f"no inputs and no reference for {layer.op} in {dtype} ({layer.id})")
    draft = Draft(layer, dtype, _generator(layer.id, dtype, seed))
    operator.make(draft)
    return Case(
        op=layer.op,
        dtype=dtype,
        layer=layer.id,
        attributes=layer.attributes,
        tensors=draft.tensors,
        output_shape=draft.output_shape,
        output_dtype=draft.output_dtype,
        quantization=draft.quantization,
    )


def reference(case: Case) -> Expected:
    """The case's result by the float64 references. Raises NotOffered for an operator that has none."""
    operator = operators().get(case.op)
    if operator is None:
        raise NotOffered(f"no reference for {case.op} ({case.layer})")
    return operator.expect(case)


def _generator(layer_id: str, dtype: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{layer_id} {dtype} {seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))
