"""What joins layers in a net, in both interfaces: clamps, which with strides and without limits are copies, too.

Of 2022 by clamp_nc_f32, of 2026 by the unary operator clamp; a transposition only the latter has for all shapes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, prod
from typing import Any

import numpy as np

from ontarget.harness.agent.buffers import Inside
from ontarget.harness.agent.process import Bound, Buffer, Process
from ontarget.harness.binding import Case
from ontarget.suites.bindings.xnnpack import arguments

_TYPES = """
typedef struct xnn_operator *xnn_operator_t;
typedef struct pthreadpool *pthreadpool_t;
int xnn_run_operator(xnn_operator_t op, pthreadpool_t threadpool);
int xnn_delete_operator(xnn_operator_t op);
"""
_OF_2022 = f"""{_TYPES}
int xnn_create_clamp_nc_f32(
  size_t channels, size_t input_stride, size_t output_stride, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *clamp_op_out);
int xnn_setup_clamp_nc_f32(
  xnn_operator_t clamp_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);
"""
_OF_2026 = f"""{_TYPES}
union xnn_unary_params;
struct xnn_quantization_params;
int xnn_create_unary_elementwise_nc(
  int type, int input_datatype, int output_datatype, const union xnn_unary_params *params, const void *lut,
  const struct xnn_quantization_params *input_quantization,
  const struct xnn_quantization_params *output_quantization, uint32_t flags, xnn_operator_t *op_out);
int xnn_reshape_unary_elementwise_nc(
  xnn_operator_t op, size_t batch_size, size_t channels, size_t input_stride, size_t output_stride,
  pthreadpool_t threadpool);
int xnn_setup_unary_elementwise_nc(xnn_operator_t op, const void *input, void *output);
int xnn_create_transpose_nd_x32(uint32_t flags, xnn_operator_t *op_out);
int xnn_reshape_transpose_nd_x32(
  xnn_operator_t op, size_t num_dims, const size_t *shape, const size_t *perm, pthreadpool_t threadpool);
int xnn_setup_transpose_nd_x32(xnn_operator_t op, const void *input, void *output);
"""
_CLAMP, _F32, _NO_FLAGS = 4, 1, 0
_LIMITS = {"relu": (0.0, inf), "relu6": (0.0, 6.0), "concat": (-inf, inf), "slice": (-inf, inf)}
_FUNCTIONS = {
    "2022": ("xnn_create_clamp_nc_f32", "xnn_setup_clamp_nc_f32"),
    "2026": tuple(f"xnn_{step}_unary_elementwise_nc" for step in ("create", "reshape", "setup")),
}
_TRANSPOSE = tuple(f"xnn_{step}_transpose_nd_x32" for step in ("create", "reshape", "setup"))


def needs(op: str, dtype: str, year: str) -> tuple[str, ...]:
    """The functions that a library of this year has to export; none where it has no such operator."""
    if dtype != "f32":
        return ()
    if op == "transpose":
        return _TRANSPOSE if year == "2026" else ()
    return _FUNCTIONS[year] if op in _LIMITS else ()


@dataclass(frozen=True)
class _Part:
    """Rows of `channels` numbers, one stride after another, from somewhere to somewhere."""

    source: Buffer | Inside
    target: Buffer | Inside
    rows: int
    channels: int
    source_stride: int
    target_stride: int


def prepare(library: Process, case: Case, year: str, pool: int | None) -> Bound:
    """Set up one of them; the returned call writes the buffer "output"."""
    inputs, output = arguments.inputs(library, case), arguments.output(library, case)
    if case.op == "transpose":
        steps = [_transpose(library, case, inputs["input"], output, pool)]
    else:
        clamp = _clamp_2022 if year == "2022" else _clamp_2026
        steps = [clamp(library, part, _LIMITS[case.op], pool) for part in _PARTS[case.op](case, inputs, output)]
    whole = steps[0] if len(steps) == 1 else library.chain(case.op, {str(at): step for at, step in enumerate(steps)})
    return whole.naming(**inputs, output=output)


def _all(case: Case, inputs: Mapping[str, Buffer], output: Buffer) -> list[_Part]:
    channels = case.output_shape[-1]
    return [_Part(inputs["input"], output, prod(case.output_shape[:-1]), channels, channels, channels)]


def _joined(case: Case, inputs: Mapping[str, Buffer], output: Buffer) -> list[_Part]:
    parts, start, whole = [], 0, case.output_shape[-1]
    for key, source in inputs.items():
        channels = case.tensors[key].shape[-1]
        parts.append(_Part(source, output.at(start), prod(case.output_shape[:-1]), channels, channels, whole))
        start += channels
    return parts


def _cut(case: Case, inputs: Mapping[str, Buffer], output: Buffer) -> list[_Part]:
    source = inputs["input"].at(case.attributes["begin"])
    channels, stride = case.output_shape[-1], case.attributes["input"][-1]
    return [_Part(source, output, prod(case.output_shape[:-1]), channels, stride, channels)]


_PARTS: Mapping[str, Callable[[Case, Mapping[str, Buffer], Buffer], list[_Part]]] = {
    "relu": _all,
    "relu6": _all,
    "concat": _joined,
    "slice": _cut,
}


def _clamp_2022(library: Process, part: _Part, limits: tuple[float, float], pool: int | None) -> Bound:
    handle = library.cell()
    create = (part.channels, part.source_stride, part.target_stride, *limits, _NO_FLAGS, handle)
    library.send(_OF_2022, "xnn_create_clamp_nc_f32", *create, returns=0)
    setup = (handle.value, part.rows, part.source, part.target, pool)
    library.send(_OF_2022, "xnn_setup_clamp_nc_f32", *setup, returns=0)
    return _run(library, handle, pool)


def _clamp_2026(library: Process, part: _Part, limits: tuple[float, float], pool: int | None) -> Bound:
    handle = library.cell()
    bounds = library.buffer(np.array(limits, np.float32), name="limits")
    create: tuple[Any, ...] = (_CLAMP, _F32, _F32, bounds, None, None, None, _NO_FLAGS, handle)
    library.send(_OF_2026, "xnn_create_unary_elementwise_nc", *create, returns=0)
    reshape = (handle.value, part.rows, part.channels, part.source_stride, part.target_stride, pool)
    library.send(_OF_2026, "xnn_reshape_unary_elementwise_nc", *reshape, returns=0)
    library.send(_OF_2026, "xnn_setup_unary_elementwise_nc", handle.value, part.source, part.target, returns=0)
    return _run(library, handle, pool)


def _transpose(library: Process, case: Case, source: Buffer, target: Buffer, pool: int | None) -> Bound:
    handle, shape, order = library.cell(), case.attributes["input"], case.attributes["order"]
    library.send(_OF_2026, "xnn_create_transpose_nd_x32", _NO_FLAGS, handle, returns=0)
    dimensions = (len(shape), arguments.sizes(library, *shape), arguments.sizes(library, *order))
    library.send(_OF_2026, "xnn_reshape_transpose_nd_x32", handle.value, *dimensions, pool, returns=0)
    library.send(_OF_2026, "xnn_setup_transpose_nd_x32", handle.value, source, target, returns=0)
    return _run(library, handle, pool)


def _run(library: Process, handle: Buffer, pool: int | None) -> Bound:
    delete = library.bind(_TYPES, "xnn_delete_operator", handle.value, returns=0)
    return library.bind(_TYPES, "xnn_run_operator", handle.value, pool, returns=0).undone_by(delete)
