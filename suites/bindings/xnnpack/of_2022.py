"""XNNPACK of 2022, by the header of Debian's libxnnpack-dev (0.0~git20220216): create, set up, run, delete."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ontarget.harness.agent.process import Buffer, Process
from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered
from ontarget.suites.bindings.xnnpack import arguments
from ontarget.suites.bindings.xnnpack.arguments import ALL, FLOATS, MAXIMA, Arguments, channels, functions, grid, image

PROTOTYPES = resources.files(__package__).joinpath("xnnpack_2022.h").read_text("utf-8")


@dataclass(frozen=True)
class Operator:
    """How one operator is called.

    `functions` are the names after xnn_create_ and xnn_setup_, by dtype; `create` gives the arguments before the flags,
    `setup` those between the operator and its inputs.
    """

    functions: Mapping[str, str]
    create: Arguments
    setup: Arguments


def needs(op: str, dtype: str) -> tuple[str, ...]:
    """The functions that the library has to export; none where it has no such operator."""
    operator = OPERATORS.get(op)
    name = None if operator is None else operator.functions.get(dtype)
    return () if name is None else (f"xnn_create_{name}", f"xnn_setup_{name}")


def is_for(exports: Callable[[str], bool]) -> bool:
    """Whether a library is as old: later in 2022 create functions were given a cache of weights as well."""
    return not exports("xnn_create_weights_cache")


def create(library: Process, case: Case, handle: Buffer) -> tuple[str, tuple[Any, ...]]:
    """The function that makes the operator, and its arguments."""
    operator = OPERATORS[case.op]
    name = operator.functions[case.dtype]
    return f"xnn_create_{name}", (*operator.create(library, case), _NO_FLAGS, handle)


def set_up(
    library: Process, case: Case, handle: Buffer, inputs: Mapping[str, Buffer], output: Buffer, pool: int | None
) -> None:
    operator = OPERATORS[case.op]
    given = (*operator.setup(library, case), *inputs.values(), output, pool)
    name = f"xnn_setup_{operator.functions[case.dtype]}"
    library.send(PROTOTYPES, name, handle.value, *given, returns=0)


_NO_FLAGS = 0


def _rows(library: Process, case: Case) -> tuple[int, ...]:
    del library
    return (arguments.rows(case),)


def _create_max_pool(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    # the grid passes through
    return (*arguments.window(case), 1, 1, *channels(case), *arguments.limits(case))


def _create_average_pool(library: Process, case: Case) -> tuple[Any, ...]:
    """Raises NotOffered for a border in qu8: it counts there, unlike in f32 and in the suites."""
    if case.dtype == "qu8" and any(case.attributes["pad_tlbr"]):
        raise NotOffered(
            f"{case.layer}: the library's average_pool2d in qu8 counts the border's pixels, in f32 only the image's",
            device=library.device,
        )
    return (*arguments.window(case), *channels(case), *grid(case, "input"), *arguments.output_range(case))


def _create_global_average(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*channels(case), *grid(case, "input"), *arguments.output_range(case))


def _setup_global_average(library: Process, case: Case) -> tuple[Any, ...]:
    batch, height, width = image(library, case)
    return batch, height * width


def _create_add(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*grid(case, "input"), *grid(case, "input2"), *arguments.output_range(case))


def _setup_add(library: Process, case: Case) -> tuple[Any, ...]:
    dimensions = arguments.shape_of(library, case, "input")
    return (*dimensions, *dimensions)


def _create_activation(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    quantised = () if case.dtype in FLOATS else arguments.output_range(case)
    return (*channels(case), *grid(case, "input"), *quantised)


def _create_softmax(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    return (*channels(case), *arguments.softmax_grid(case))


def _create_shuffle(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    groups, per_group = case.attributes["groups"], case.attributes["group_channels"]
    return groups, per_group, groups * per_group, groups * per_group


_CONVOLUTION = Operator(functions("convolution2d_nhwc", *ALL), arguments.create_convolution, image)
OPERATORS: Mapping[str, Operator] = {
    "conv1d": _CONVOLUTION,
    "conv2d": _CONVOLUTION,
    "pointwise_conv2d": _CONVOLUTION,
    "grouped_conv2d": _CONVOLUTION,
    "depthwise_conv2d": _CONVOLUTION,
    "deconv2d": Operator(
        functions("deconvolution2d_nhwc", *ALL), arguments.create_convolution, arguments.image_and_adjustment
    ),
    "gemm": Operator(functions("fully_connected_nc", *ALL), arguments.create_fully_connected, _rows),
    "max_pool2d": Operator(MAXIMA, _create_max_pool, image),
    "average_pool2d": Operator(functions("average_pooling2d_nhwc", "f32", "qu8"), _create_average_pool, image),
    "global_average_pool": Operator(
        functions("global_average_pooling_nwc", *ALL), _create_global_average, _setup_global_average
    ),
    "add": Operator(functions("add_nd", *ALL), _create_add, _setup_add),
    "sigmoid": Operator(functions("sigmoid_nc", "f32", "qs8", "qu8"), _create_activation, _rows),
    "hardswish": Operator(functions("hardswish_nc", *FLOATS), _create_activation, _rows),
    "softmax": Operator(functions("softmax_nc", "f32", "qu8"), _create_softmax, _rows),
    "channel_shuffle": Operator(
        {"f32": "channel_shuffle_nc_x32", "qs8": "channel_shuffle_nc_x8"}, _create_shuffle, _rows
    ),
}
