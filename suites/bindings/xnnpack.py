"""Debian's libxnnpack0 (0.0~git20220216), by its documented header xnnpack.h: create, set up, run, delete.

Operators run without a thread pool, on the calling thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, prod
from typing import Any

import numpy as np

from ontarget.harness.agent.process import Bound, Buffer, Process
from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered

name = "xnnpack"
soname = "libXNNPACK.so.0"

PROTOTYPES = """
enum xnn_status {
  xnn_status_success = 0, xnn_status_uninitialized = 1, xnn_status_invalid_parameter = 2, xnn_status_invalid_state = 3,
  xnn_status_unsupported_parameter = 4, xnn_status_unsupported_hardware = 5, xnn_status_out_of_memory = 6
};
struct xnn_allocator;
typedef struct xnn_operator *xnn_operator_t;
typedef struct pthreadpool *pthreadpool_t;

enum xnn_status xnn_initialize(const struct xnn_allocator *allocator);
enum xnn_status xnn_run_operator(xnn_operator_t op, pthreadpool_t threadpool);
enum xnn_status xnn_delete_operator(xnn_operator_t op);

enum xnn_status xnn_create_convolution2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride,
  const float *kernel, const float *bias, float output_min, float output_max,
  uint32_t flags, xnn_operator_t *convolution_op_out);
enum xnn_status xnn_setup_convolution2d_nhwc_f32(
  xnn_operator_t convolution_op, size_t batch_size, size_t input_height, size_t input_width,
  const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_convolution2d_nhwc_qs8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride,
  int8_t input_zero_point, float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max,
  uint32_t flags, xnn_operator_t *convolution_op_out);
enum xnn_status xnn_setup_convolution2d_nhwc_qs8(
  xnn_operator_t convolution_op, size_t batch_size, size_t input_height, size_t input_width,
  const int8_t *input, int8_t *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_fully_connected_nc_f32(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride,
  const float *kernel, const float *bias, float output_min, float output_max,
  uint32_t flags, xnn_operator_t *fully_connected_op_out);
enum xnn_status xnn_setup_fully_connected_nc_f32(
  xnn_operator_t fully_connected_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_fully_connected_nc_qs8(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride,
  int8_t input_zero_point, float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max,
  uint32_t flags, xnn_operator_t *fully_connected_op_out);
enum xnn_status xnn_setup_fully_connected_nc_qs8(
  xnn_operator_t fully_connected_op, size_t batch_size, const int8_t *input, int8_t *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_max_pooling2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width,
  size_t channels, size_t input_pixel_stride, size_t output_pixel_stride, float output_min, float output_max,
  uint32_t flags, xnn_operator_t *max_pooling_op_out);
enum xnn_status xnn_setup_max_pooling2d_nhwc_f32(
  xnn_operator_t max_pooling_op, size_t batch_size, size_t input_height, size_t input_width,
  const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_max_pooling2d_nhwc_s8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width,
  size_t channels, size_t input_pixel_stride, size_t output_pixel_stride, int8_t output_min, int8_t output_max,
  uint32_t flags, xnn_operator_t *max_pooling_op_out);
enum xnn_status xnn_setup_max_pooling2d_nhwc_s8(
  xnn_operator_t max_pooling_op, size_t batch_size, size_t input_height, size_t input_width,
  const int8_t *input, int8_t *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_average_pooling2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  size_t channels, size_t input_pixel_stride, size_t output_pixel_stride, float output_min, float output_max,
  uint32_t flags, xnn_operator_t *average_pooling_op_out);
enum xnn_status xnn_setup_average_pooling2d_nhwc_f32(
  xnn_operator_t average_pooling_op, size_t batch_size, size_t input_height, size_t input_width,
  const float *input, float *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_global_average_pooling_nwc_f32(
  size_t channels, size_t input_stride, size_t output_stride, float output_min, float output_max,
  uint32_t flags, xnn_operator_t *global_average_pooling_op_out);
enum xnn_status xnn_setup_global_average_pooling_nwc_f32(
  xnn_operator_t global_average_pooling_op, size_t batch_size, size_t width,
  const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_global_average_pooling_nwc_qs8(
  size_t channels, size_t input_stride, size_t output_stride, int8_t input_zero_point, float input_scale,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max,
  uint32_t flags, xnn_operator_t *global_average_pooling_op_out);
enum xnn_status xnn_setup_global_average_pooling_nwc_qs8(
  xnn_operator_t global_average_pooling_op, size_t batch_size, size_t width,
  const int8_t *input, int8_t *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_add_nd_f32(
  float output_min, float output_max, uint32_t flags, xnn_operator_t *add_op_out);
enum xnn_status xnn_setup_add_nd_f32(
  xnn_operator_t add_op, size_t num_input1_dims, const size_t *input1_shape,
  size_t num_input2_dims, const size_t *input2_shape,
  const float *input1, const float *input2, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_add_nd_qs8(
  int8_t input1_zero_point, float input1_scale, int8_t input2_zero_point, float input2_scale,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max,
  uint32_t flags, xnn_operator_t *add_op_out);
enum xnn_status xnn_setup_add_nd_qs8(
  xnn_operator_t add_op, size_t num_input1_dims, const size_t *input1_shape,
  size_t num_input2_dims, const size_t *input2_shape,
  const int8_t *input1, const int8_t *input2, int8_t *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_sigmoid_nc_f32(
  size_t channels, size_t input_stride, size_t output_stride, uint32_t flags, xnn_operator_t *sigmoid_op_out);
enum xnn_status xnn_setup_sigmoid_nc_f32(
  xnn_operator_t sigmoid_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_sigmoid_nc_qs8(
  size_t channels, size_t input_stride, size_t output_stride, int8_t input_zero_point, float input_scale,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max,
  uint32_t flags, xnn_operator_t *sigmoid_op_out);
enum xnn_status xnn_setup_sigmoid_nc_qs8(
  xnn_operator_t sigmoid_op, size_t batch_size, const int8_t *input, int8_t *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_hardswish_nc_f32(
  size_t channels, size_t input_stride, size_t output_stride, uint32_t flags, xnn_operator_t *hardswish_op_out);
enum xnn_status xnn_setup_hardswish_nc_f32(
  xnn_operator_t hardswish_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_softmax_nc_f32(
  size_t channels, size_t input_stride, size_t output_stride, uint32_t flags, xnn_operator_t *softmax_op_out);
enum xnn_status xnn_setup_softmax_nc_f32(
  xnn_operator_t softmax_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);

enum xnn_status xnn_create_channel_shuffle_nc_x32(
  size_t groups, size_t group_channels, size_t input_stride, size_t output_stride,
  uint32_t flags, xnn_operator_t *channel_shuffle_op_out);
enum xnn_status xnn_setup_channel_shuffle_nc_x32(
  xnn_operator_t channel_shuffle_op, size_t batch_size, const void *input, void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_channel_shuffle_nc_x8(
  size_t groups, size_t group_channels, size_t input_stride, size_t output_stride,
  uint32_t flags, xnn_operator_t *channel_shuffle_op_out);
enum xnn_status xnn_setup_channel_shuffle_nc_x8(
  xnn_operator_t channel_shuffle_op, size_t batch_size, const void *input, void *output, pthreadpool_t threadpool);
"""

# "The number of bytes XNNPACK may read beyond array bounds."
_EXTRA_BYTES = 16
_SUCCESS = 0
_NO_FLAGS = 0
_NO_THREADS = None
_LIMITS = (-128, 127)


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
    library.send(PROTOTYPES, f"xnn_create_{function}", *create, _NO_FLAGS, handle, returns=_SUCCESS)
    setup = (*operator.setup(library, case), *inputs.values(), output, _NO_THREADS)
    library.send(PROTOTYPES, f"xnn_setup_{function}", handle.value, *setup, returns=_SUCCESS)
    run = library.bind(PROTOTYPES, "xnn_run_operator", handle.value, _NO_THREADS, returns=_SUCCESS)
    delete = library.bind(PROTOTYPES, "xnn_delete_operator", handle.value, returns=_SUCCESS)
    return run.naming(**inputs, output=output).undone_by(delete)


def _operand(library: Process, case: Case, key: str) -> Buffer:
    return library.buffer(case.tensors[key], name=key, padding=_EXTRA_BYTES)


def _grid(case: Case, key: str) -> tuple[Any, ...]:
    """(zero point, scale) where the case is quantised, else nothing."""
    quantization = case.quantization.get(key)
    return () if quantization is None else (quantization.zero_point, quantization.scale)


def _range(case: Case) -> tuple[Any, ...]:
    """The output's grid and its least and greatest value: no clamping but the type's own."""
    return (-inf, inf) if case.dtype == "f32" else (*_grid(case, "output"), *_LIMITS)


def _weights(library: Process, case: Case) -> tuple[Any, ...]:
    """The grids of inputs and weights where there are any, weights and bias."""
    scale = _grid(case, "weights")[1:]
    return (*_grid(case, "input"), *scale, _operand(library, case, "weights"), _operand(library, case, "bias"))


def _window(case: Case) -> tuple[int, ...]:
    top, left, bottom, right = case.attributes["pad_tlbr"]
    return (top, right, bottom, left, *case.attributes["kernel"], *case.attributes["stride"])


def _image(library: Process, case: Case) -> tuple[int, ...]:
    """Batch, height and width of the input."""
    del library
    return tuple(case.attributes["input"][:3])


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
    return (*_window(case), *case.attributes["dilation"], *channels, *_weights(library, case), *_range(case))


def _create_fully_connected(library: Process, case: Case) -> tuple[Any, ...]:
    n, k = case.tensors["weights"].shape
    return (k, n, k, n, *_weights(library, case), *_range(case))


def _create_max_pool(library: Process, case: Case) -> tuple[Any, ...]:
    del library
    limits = (-inf, inf) if case.dtype == "f32" else _LIMITS  # the grid passes through
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
    return (*_channels(case), *_grid(case, "input"), *(() if case.dtype == "f32" else _range(case)))


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


_CONVOLUTION = Operator({"f32": "convolution2d_nhwc_f32", "qs8": "convolution2d_nhwc_qs8"}, _create_convolution, _image)
_OPERATORS: Mapping[str, Operator] = {
    "conv2d": _CONVOLUTION,
    "pointwise_conv2d": _CONVOLUTION,
    "grouped_conv2d": _CONVOLUTION,
    "depthwise_conv2d": _CONVOLUTION,
    "gemm": Operator(
        {"f32": "fully_connected_nc_f32", "qs8": "fully_connected_nc_qs8"}, _create_fully_connected, _rows
    ),
    "max_pool2d": Operator({"f32": "max_pooling2d_nhwc_f32", "qs8": "max_pooling2d_nhwc_s8"}, _create_max_pool, _image),
    "average_pool2d": Operator(
        {"f32": "average_pooling2d_nhwc_f32"}, _create_average_pool, _image, instead="f32 and qu8"
    ),
    "global_average_pool": Operator(
        {"f32": "global_average_pooling_nwc_f32", "qs8": "global_average_pooling_nwc_qs8"},
        _create_global_average,
        _setup_global_average,
    ),
    "add": Operator({"f32": "add_nd_f32", "qs8": "add_nd_qs8"}, _create_add, _setup_add),
    "sigmoid": Operator({"f32": "sigmoid_nc_f32", "qs8": "sigmoid_nc_qs8"}, _create_activation, _rows),
    "hardswish": Operator({"f32": "hardswish_nc_f32"}, _create_activation, _rows, instead="f32 and f16"),
    "softmax": Operator({"f32": "softmax_nc_f32"}, _create_activation, _rows, instead="f32 and qu8"),
    "channel_shuffle": Operator(
        {"f32": "channel_shuffle_nc_x32", "qs8": "channel_shuffle_nc_x8"}, _create_shuffle, _rows
    ),
}
