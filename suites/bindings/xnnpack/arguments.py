"""What both interfaces of XNNPACK are told of a case."""

from collections.abc import Callable
from math import inf, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.process import Buffer, Process
from ontarget.harness.binding import Case

# "The number of bytes XNNPACK may read beyond array bounds."
EXTRA_BYTES = 16

FLOATS = ("f32", "f16")
_LIMITS = {"qs8": (-128, 127), "qu8": (0, 255)}

Arguments = Callable[[Process, Case], tuple[Any, ...]]


def operand(library: Process, case: Case, key: str) -> Buffer:
    """A tensor of the case, with what may be read beyond it."""
    return library.buffer(case.tensors[key], name=key, padding=EXTRA_BYTES)


def inputs(library: Process, case: Case) -> dict[str, Buffer]:
    """The tensors that are no weights, in their order."""
    return {key: operand(library, case, key) for key in case.tensors if key.startswith("input")}


def output(library: Process, case: Case) -> Buffer:
    return library.buffer(case.output_shape, case.output_dtype, name="output", padding=EXTRA_BYTES)


def nothing(library: Process, case: Case) -> tuple[Any, ...]:
    del library, case
    return ()


def grid(case: Case, key: str) -> tuple[Any, ...]:
    """(zero point, scale) where the case is quantised, else nothing."""
    quantization = case.quantization.get(key)
    return () if quantization is None else (quantization.zero_point, quantization.scale)


def limits(case: Case) -> tuple[Any, ...]:
    """No clamping but the type's own."""
    return (-inf, inf) if case.dtype in FLOATS else _LIMITS[case.dtype]


def output_range(case: Case) -> tuple[Any, ...]:
    """The output's grid and its least and greatest value."""
    return (*grid(case, "output"), *limits(case))


def weights(library: Process, case: Case) -> tuple[Any, ...]:
    """The grids of inputs and weights where there are any, weights and bias."""
    of_weights = grid(case, "weights")
    if case.dtype == "qs8":  # symmetric: the zero point is not said
        of_weights = of_weights[1:]
    return (*grid(case, "input"), *of_weights, operand(library, case, "weights"), operand(library, case, "bias"))


def window(case: Case) -> tuple[int, ...]:
    top, left, bottom, right = case.attributes["pad_tlbr"]
    return (top, right, bottom, left, *case.attributes["kernel"], *case.attributes["stride"])


def image(library: Process, case: Case) -> tuple[int, ...]:
    """Batch, height and width of the input."""
    del library
    return tuple(case.attributes["input"][:3])


def image_and_adjustment(library: Process, case: Case) -> tuple[int, ...]:
    """Nothing is added to the output beyond what the stride gives."""
    return (*image(library, case), 0, 0)


def rows(case: Case) -> int:
    """How many vectors of channels the input has."""
    return prod(case.tensors["input"].shape[:-1])


def channels(case: Case) -> tuple[int, int, int]:
    """Channels and the dense strides of input and output."""
    count = case.tensors["input"].shape[-1]
    return count, count, count


def sizes(library: Process, *numbers: int) -> NDArray[Any]:
    """An array of the device's size_t."""
    return np.array(numbers, dtype=f"u{library.abi.pointer_size}")


def shape_of(library: Process, case: Case, key: str) -> tuple[int, NDArray[Any]]:
    """A tensor's rank and its dimensions."""
    shape = case.tensors[key].shape
    return len(shape), sizes(library, *shape)


def create_convolution(library: Process, case: Case) -> tuple[Any, ...]:
    groups, ci, co = (case.attributes[key] for key in ("groups", "group_input_channels", "group_output_channels"))
    return (
        *window(case),
        *case.attributes.get("dilation", (1, 1)),
        *(groups, ci, co, groups * ci, groups * co),
        *weights(library, case),
        *output_range(case),
    )


def create_fully_connected(library: Process, case: Case) -> tuple[Any, ...]:
    n, k = case.tensors["weights"].shape
    return (k, n, k, n, *weights(library, case), *output_range(case))


def softmax_grid(case: Case) -> tuple[Any, ...]:
    """Quantised: a shift of the input changes nothing, and the output has all its range."""
    return () if case.dtype in FLOATS else (*grid(case, "input")[1:], *grid(case, "output"))


def functions(stem: str, *dtypes: str) -> dict[str, str]:
    """The names of a function in these dtypes."""
    return {dtype: f"{stem}_{dtype}" for dtype in dtypes}


ALL = ("f32", "f16", "qs8", "qu8")
MAXIMA = {**functions("max_pooling2d_nhwc", *FLOATS), "qs8": "max_pooling2d_nhwc_s8", "qu8": "max_pooling2d_nhwc_u8"}
