"""Debian's libxnnpack0 (0.0~git20220216), by its documented header xnnpack.h: create, set up, run, delete.

Operators run on the calling thread, or on a pool of as many threads as the process may use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from math import inf, prod
from typing import Any

import numpy as np

from ontarget.harness.agent.process import Bound, Buffer, Process
from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered, UnexpectedReturn

name = "xnnpack"
soname = "libXNNPACK.so.0"

PROTOTYPES = resources.files(__package__).joinpath("xnnpack.h").read_text("utf-8")

# "The number of bytes XNNPACK may read beyond array bounds."
_EXTRA_BYTES = 16
_SUCCESS = 0
_NO_FLAGS = 0

# By pthreadpool.h; the library is linked to it.
_POOL = """
typedef struct pthreadpool *pthreadpool_t;
pthreadpool_t pthreadpool_create(size_t threads_count);
"""
_UNSUPPORTED_HARDWARE = 5
_LIMITS = {"qs8": (-128, 127), "qu8": (0, 255)}
_FLOATS = ("f32", "f16")


def offers(op: str, dtype: str) -> str | None:
    """None if the operator can be run in f32 or qs8, else why not."""
    operator = _OPERATORS.get(op)
    if operator is None:
        return f"no binding of {op} for {name}"
    if dtype not in operator.functions:
        has = f"; it has {operator.instead}" if operator.instead else ""
        return f"{soname} has no {op} in {dtype}{has}"
    return None


def start(library: Process) -> None:
    library.send(PROTOTYPES, "xnn_initialize", None, returns=_SUCCESS)


def prepare(library: Process, case: Case) -> Bound:
    """Create and set up the case's operator; the returned call runs it and writes the buffer "output"."""
    if reason := offers(case.op, case.dtype):
        raise NotOffered(reason)
    operator = _OPERATORS[case.op]
    function = operator.functions[case.dtype]
    if not library.offers(f"xnn_create_{function}"):
        raise NotOffered(f"{library.label}: the library exports no xnn_create_{function}", device=library.device)
    handle = library.cell()
    inputs = {key: _operand(library, case, key) for key in case.tensors if key.startswith("input")}
    output = library.buffer(case.output_shape, case.output_dtype, name="output", padding=_EXTRA_BYTES)
    create = operator.create(library, case)
    _create(library, case, function, (*create, _NO_FLAGS, handle))
    pool = thread_pool(library)
    setup = (*operator.setup(library, case), *inputs.values(), output, pool)
    library.send(PROTOTYPES, f"xnn_setup_{function}", handle.value, *setup, returns=_SUCCESS)
    run = library.bind(PROTOTYPES, "xnn_run_operator", handle.value, pool, returns=_SUCCESS)
    delete = library.bind(PROTOTYPES, "xnn_delete_operator", handle.value, returns=_SUCCESS)
    return run.naming(**inputs, output=output).undone_by(delete)


def thread_pool(library: Process) -> int | None:
    """A pool of as many threads as the process may use, the caller's own among them; NULL, no pool, for one."""
    if library.threads == 1:
        return None
    pool = library.call(_POOL, "pthreadpool_create", library.threads)
    if not isinstance(pool, int) or pool == 0:
        raise UnexpectedReturn(
            f"pthreadpool_create({library.threads}) made no pool",
            expected=library.threads,
            returned=0,
            device=library.device,
            function="pthreadpool_create",
        )
    return pool


def _create(library: Process, case: Case, function: str, arguments: tuple[Any, ...]) -> None:
    """Raises NotOffered where the processor cannot: f16 needs instructions for it, and only the library knows which."""
    if case.dtype != "f16":
        library.send(PROTOTYPES, f"xnn_create_{function}", *arguments, returns=_SUCCESS)
        return
    status = library.call(PROTOTYPES, f"xnn_create_{function}", *arguments)
    if status == _UNSUPPORTED_HARDWARE:
        raise NotOffered(f"xnn_create_{function} says that this processor is not supported", device=library.device)
    if status != _SUCCESS:
        message = f"xnn_create_{function} returned {status}, expected {_SUCCESS}"
        raise UnexpectedReturn(message, returned=int(status or 0), expected=_SUCCESS, device=library.device)


def _operand(library: Process, case: Case, key: str) -> Buffer:
    return library.buffer(case.tensors[key], name=key, padding=_EXTRA_BYTES)


def _grid(case: Case, key: str) -> tuple[Any, ...]:
    """(zero point, scale) where the case is quantised, else nothing."""
    quantization = case.quantization.get(key)
    return () if quantization is None else (quantization.zero_point, quantization.scale)


def _range(case: Case) -> tuple[Any, ...]:
    """The output's grid and its least and greatest value: no clamping but the type's own."""
    return (-inf, inf) if case.dtype in _FLOATS else (*_grid(case, "output"), *_LIMITS[case.dtype])


def _weights(library: Process, case: Case) -> tuple[Any, ...]:
    """The grids of inputs and weights where there are any, weights and bias."""
    grid = _grid(case, "weights")
    if case.dtype == "qs8":  # symmetric: the zero point is not said
        grid = grid[1:]
    return (*_grid(case, "input"), *grid, _operand(library, case, "weights"), _operand(library, case, "bias"))


def _window(case: Case) -> tuple[int, ...]:
    top, left, bottom, right = case.attributes["pad_tlbr"]
    return (top, right, bottom, left, *case.attributes["kernel"], *case.attributes["stride"])


def _image(library: Process, case: Case) -> tuple[int, ...]:
    """Batch, height and width of the input."""
    del library
    return tuple(case.attributes["input"][:3])


def _image_and_adjustment(library: Process, case: Case) -> tuple[int, ...]:
    """Nothing is added to the output beyond what the stride gives."""
    return (*_image(library, case), 0, 0)


def _rows(library: Process, case: Case) -> tuple[int, ...]:
    """How many vectors of channels the input has."""
    del library
    return (prod(case.tensors["input"].shape[:-1]),)


def _channels(case: Case) -> tuple[int, int, int]:
    """Channels and the dense strides of input and output."""
    channels = case.tensors["input"].shape[-1]
    return channels, channels, channels


def _create_convolution(library: Process, case: Case) -> tuple[Any, ...]:
    groups, inputs, outputs = (
        case.attributes[key] for key in ("groups", "group_input_channels", "group_output_channels")
    )
    channels = (groups, inputs, outputs, groups * inputs, groups * outputs)
    return (
        *_window(case),
        *case.attributes.get("dilation", (1, 1)),
        *channels,
        *_weights(library, case),
        *_range(case),
    )


def _create_fully_connected(library: Process, case: Case) -> tuple[Any, ...]:
    n, k = case.tensors["weights"].shape
    return (k, n, k, n, *_weights(library, case), *_range(case))


def _create_max_pool(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    limits = (-inf, inf) if case.dtype in _FLOATS else _LIMITS[case.dtype]  # the grid passes through
    return (*_window(case), 1, 1, *_channels(case), *limits)


def _create_average_pool(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*_window(case), *_channels(case), *_grid(case, "input"), *_range(case))


def _create_global_average(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*_channels(case), *_grid(case, "input"), *_range(case))


def _setup_global_average(library: Process, case: Case) -> tuple[Any, ...]:
    batch, height, width = _image(library, case)
    return batch, height * width


def _create_add(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*_grid(case, "input"), *_grid(case, "input2"), *_range(case))


def _setup_add(library: Process, case: Case) -> tuple[Any, ...]:
    shape = case.tensors["input"].shape
    dimensions = (len(shape), np.array(shape, dtype=f"u{library.abi.pointer_size}"))  # size_t of the device
    return (*dimensions, *dimensions)


def _create_activation(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*_channels(case), *_grid(case, "input"), *(() if case.dtype in _FLOATS else _range(case)))


def _create_softmax(library: Process, case: Case) -> tuple[Any, ...]:
    """Quantised: a shift of the input changes nothing, and the output has all its range."""
    del library
    return (*_channels(case), *_grid(case, "input")[1:], *_grid(case, "output"))


def _create_shuffle(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    groups, channels = case.attributes["groups"], case.attributes["group_channels"]
    return groups, channels, groups * channels, groups * channels


Arguments = Callable[[Process, Case], tuple[Any, ...]]


@dataclass(frozen=True)
class Operator:
    """How one operator is called.

    `functions` are the names after xnn_create_ and xnn_setup_, by dtype; `create` gives the arguments before the flags,
    `setup` those between the operator and its inputs; `instead` says what the library has for people who miss a dtype.
    """

    functions: Mapping[str, str]
    create: Arguments
    setup: Arguments
    instead: str = ""


def _in(stem: str, *dtypes: str) -> dict[str, str]:
    """The names of a function in these dtypes."""
    return {dtype: f"{stem}_{dtype}" for dtype in dtypes}


_ALL = ("f32", "f16", "qs8", "qu8")
_CONVOLUTION = Operator(_in("convolution2d_nhwc", *_ALL), _create_convolution, _image)
_MAXIMA = {**_in("max_pooling2d_nhwc", "f32", "f16"), "qs8": "max_pooling2d_nhwc_s8", "qu8": "max_pooling2d_nhwc_u8"}
_SHUFFLES = {"f32": "channel_shuffle_nc_x32", "qs8": "channel_shuffle_nc_x8"}
_OPERATORS: Mapping[str, Operator] = {
    "conv1d": _CONVOLUTION,
    "conv2d": _CONVOLUTION,
    "pointwise_conv2d": _CONVOLUTION,
    "grouped_conv2d": _CONVOLUTION,
    "depthwise_conv2d": _CONVOLUTION,
    "deconv2d": Operator(_in("deconvolution2d_nhwc", *_ALL), _create_convolution, _image_and_adjustment),
    "gemm": Operator(_in("fully_connected_nc", *_ALL), _create_fully_connected, _rows),
    "max_pool2d": Operator(_MAXIMA, _create_max_pool, _image),
    "average_pool2d": Operator(
        _in("average_pooling2d_nhwc", "f32", "qu8"), _create_average_pool, _image, instead="f32 and qu8"
    ),
    "global_average_pool": Operator(
        _in("global_average_pooling_nwc", *_ALL), _create_global_average, _setup_global_average
    ),
    "add": Operator(_in("add_nd", *_ALL), _create_add, _setup_add),
    "sigmoid": Operator(_in("sigmoid_nc", "f32", "qs8", "qu8"), _create_activation, _rows),
    "hardswish": Operator(_in("hardswish_nc", "f32", "f16"), _create_activation, _rows, instead="f32 and f16"),
    "softmax": Operator(_in("softmax_nc", "f32", "qu8"), _create_softmax, _rows, instead="f32 and qu8"),
    "channel_shuffle": Operator(_SHUFFLES, _create_shuffle, _rows),
}
