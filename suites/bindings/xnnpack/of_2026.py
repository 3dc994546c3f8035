"""XNNPACK of 2026, by its header xnnpack.h: create, reshape, set up, run, delete.

Sums, activations and means are of one function each, with the operation as an argument, and tensors' grids as structs.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ontarget.harness.agent.process import Buffer, Process
from ontarget.harness.binding import Case
from ontarget.suites.bindings.xnnpack import arguments
from ontarget.suites.bindings.xnnpack.arguments import ALL, FLOATS, MAXIMA, Arguments, channels, functions, image, sizes

PROTOTYPES = resources.files(__package__).joinpath("xnnpack_2026.h").read_text("utf-8")

_NO_FLAGS = 0
_NO_CACHE = None
_DATATYPES = {"f32": 1, "f16": 2, "qs8": 3, "qu8": 4}
_HARDSWISH, _SIGMOID = 11, 16
_ADD = 0
_MEAN = 2
_HEIGHT_AND_WIDTH = (1, 2)  # axes of NHWC


@dataclass(frozen=True)
class Operator:
    """How one operator is called.

    `functions` are the names after xnn_create_, xnn_reshape_ and xnn_setup_, by dtype; `create` gives the arguments
    before the flags, `reshape` those between the operator and what the function writes: the size of the workspace that
    it wants (`workspace`), height and width of the output (`image`). `weights`: packed weights may be cached.
    """

    functions: Mapping[str, str]
    create: Arguments
    reshape: Arguments
    weights: bool = False
    workspace: bool = False
    image: bool = False


def needs(op: str, dtype: str) -> tuple[str, ...]:
    """The functions that the library has to export; none where it has no such operator."""
    operator = OPERATORS.get(op)
    name = None if operator is None else operator.functions.get(dtype)
    return () if name is None else tuple(f"xnn_{step}_{name}" for step in ("create", "reshape", "setup"))


def is_for(exports: Callable[[str], bool]) -> bool:
    """Whether a library is as new: reshape functions of 2023 to 2025 take other arguments."""
    return exports("xnn_create_fully_connected_nc_qd8_f32_qc2w")


def create(library: Process, case: Case, handle: Buffer) -> tuple[str, tuple[Any, ...]]:
    """The function that makes the operator, and its arguments."""
    operator = OPERATORS[case.op]
    name = operator.functions[case.dtype]
    last = (_NO_FLAGS, _NO_CACHE, handle) if operator.weights else (_NO_FLAGS, handle)
    return f"xnn_create_{name}", (*operator.create(library, case), *last)


def set_up(
    library: Process, case: Case, handle: Buffer, inputs: Mapping[str, Buffer], output: Buffer, pool: int | None
) -> None:
    operator = OPERATORS[case.op]
    name = operator.functions[case.dtype]
    needed = library.cell("uint64")  # its first bytes are a size_t, on 32 bits too
    written = (*((needed,) if operator.workspace else ()), *((None, None) if operator.image else ()))
    given = (*operator.reshape(library, case), *written, pool)
    library.send(PROTOTYPES, f"xnn_reshape_{name}", handle.value, *given, returns=0)
    workspace: tuple[Buffer | None, ...] = ()
    if operator.workspace:
        # A mean of floats is summed where it is written: from a workspace it would be converted, by no function.
        size = 0 if (case.op, case.dtype) == ("global_average_pool", "f32") else int(library.read(needed))
        workspace = (_memory(library, size) if size else None,)
    library.send(PROTOTYPES, f"xnn_setup_{name}", handle.value, *workspace, *inputs.values(), output, returns=0)


def _grid(library: Process, case: Case, key: str) -> Buffer | None:
    """A struct xnn_quantization_params."""
    quantization = case.quantization.get(key)
    if quantization is None:
        return None
    packed = struct.pack("<if", quantization.zero_point, quantization.scale)
    return library.buffer(np.frombuffer(packed, np.uint8), name=f"grid of {key}", misalignment=0, alignment=8)


def _memory(library: Process, size: int) -> Buffer:
    """A workspace: "must be aligned to XNN_ALLOCATION_ALIGNMENT", which is 64 bytes."""
    return library.buffer(size, np.uint8, name="workspace", misalignment=0, alignment=64)


def _rows(library: Process, case: Case) -> tuple[int, ...]:
    del library
    return (arguments.rows(case),)


def _rows_and_channels(library: Process, case: Case) -> tuple[int, ...]:
    del library
    return (arguments.rows(case), *channels(case))


def _channels_and_rows(library: Process, case: Case) -> tuple[int, ...]:
    del library
    return (*channels(case), arguments.rows(case))


def _image_and_channels(library: Process, case: Case) -> tuple[int, ...]:
    return (*image(library, case), *channels(case))


def _create_max_pool(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*arguments.window(case), 1, 1, *arguments.limits(case))  # the grid passes through


def _create_average_pool(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*arguments.window(case), *arguments.limits(case))


def _create_mean(library: Process, case: Case) -> tuple[Any, ...]:
    return _MEAN, _DATATYPES[case.dtype], _grid(library, case, "input"), _grid(library, case, "output")


def _reshape_mean(library: Process, case: Case) -> tuple[Any, ...]:
    axes = np.array(_HEIGHT_AND_WIDTH, dtype=np.int64)
    return (len(axes), axes, *arguments.shape_of(library, case, "input"))


def _create_sum(library: Process, case: Case) -> tuple[Any, ...]:
    return _ADD, _DATATYPES[case.dtype], *(_grid(library, case, key) for key in ("input", "input2", "output"))


def _reshape_sum(library: Process, case: Case) -> tuple[Any, ...]:
    return *arguments.shape_of(library, case, "input"), *arguments.shape_of(library, case, "input2")


def _activation(kind: int) -> Operator:
    def create_activation(library: Process, case: Case) -> tuple[Any, ...]:
        datatype = _DATATYPES[case.dtype]
        none = (None, None)  # parameters of the kind, and a table of all results
        return kind, datatype, datatype, *none, _grid(library, case, "input"), _grid(library, case, "output")

    return Operator(dict.fromkeys(ALL, "unary_elementwise_nc"), create_activation, _rows_and_channels)


def _create_softmax(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return arguments.softmax_grid(case)


def _reshape_shuffle(library: Process, case: Case) -> tuple[Any, ...]:
    """Channels [groups, in a group] change places: a shuffle is a transposition, and has no function of its own."""
    shape = (case.attributes[key] for key in ("pixels", "groups", "group_channels"))
    return 3, sizes(library, *shape), sizes(library, 0, 2, 1)


def _reshape_batch_product(library: Process, case: Case) -> tuple[Any, ...]:
    batch, m, k = case.tensors["input"].shape
    n = case.tensors["input2"].shape[-1]
    return 1, sizes(library, batch), sizes(library, batch), m, k, n


_CONVOLUTION = Operator(
    functions("convolution2d_nhwc", *ALL), arguments.create_convolution, image, weights=True, workspace=True, image=True
)
_SHUFFLES = {"f32": "transpose_nd_x32", "f16": "transpose_nd_x16", "qs8": "transpose_nd_x8", "qu8": "transpose_nd_x8"}
OPERATORS: Mapping[str, Operator] = {
    "conv1d": _CONVOLUTION,
    "conv2d": _CONVOLUTION,
    "pointwise_conv2d": _CONVOLUTION,
    "grouped_conv2d": _CONVOLUTION,
    "depthwise_conv2d": _CONVOLUTION,
    "deconv2d": Operator(
        functions("deconvolution2d_nhwc", *ALL),
        arguments.create_convolution,
        arguments.image_and_adjustment,
        weights=True,
        image=True,
    ),
    "gemm": Operator(functions("fully_connected_nc", *ALL), arguments.create_fully_connected, _rows, weights=True),
    "batch_gemm": Operator(
        functions("batch_matrix_multiply_nc", *FLOATS), arguments.nothing, _reshape_batch_product, workspace=True
    ),
    "max_pool2d": Operator(MAXIMA, _create_max_pool, _image_and_channels, image=True),
    "average_pool2d": Operator(
        functions("average_pooling2d_nhwc", *FLOATS), _create_average_pool, _image_and_channels, image=True
    ),
    "global_average_pool": Operator(dict.fromkeys(ALL, "reduce_nd"), _create_mean, _reshape_mean, workspace=True),
    "add": Operator(dict.fromkeys(ALL, "binary_elementwise_nd"), _create_sum, _reshape_sum),
    "sigmoid": _activation(_SIGMOID),
    "hardswish": _activation(_HARDSWISH),
    "softmax": Operator(functions("softmax_nc", *FLOATS, "qu8"), _create_softmax, _channels_and_rows),
    "channel_shuffle": Operator(_SHUFFLES, arguments.nothing, _reshape_shuffle),
}
