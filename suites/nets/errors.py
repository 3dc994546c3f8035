"""How rounding errors go through a net: standard deviations, from the inputs of an operator to its output.

Rounding errors behave as independent and zero in the mean (Higham and Mary 2019, as the tolerance of a single sum takes
them), so that their variances add, each times the square of the derivative that it meets (first order). Bounds of the
errors themselves would add up to far more than the values after a few layers, and tell nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ontarget.harness.binding import Case
from ontarget.suites.nets.operators import JOINING
from ontarget.suites.operators.draft import Array, real
from ontarget.suites.operators.normalisation import EPSILON
from ontarget.suites.references import elementwise, linear, pooling

Variances = Mapping[str, Array]

# A ReLU's input that is further below 0 than so many deviations stays below.
_SURE = 8.0


def spread(case: Case, variances: Variances) -> Array:
    """The variance of each element of the output, from those of the activations (by tensor) alone."""
    if case.op in _SPREADS:
        return _SPREADS[case.op](case, variances)
    if case.op in JOINING or case.op in _MOVES:  # what moves values moves their errors
        return JOINING[case.op](case, variances) if case.op in JOINING else _shuffled(case, variances)
    raise NotImplementedError(f"{case.layer}: how errors go through a {case.op} is not said here")


_MOVES = ("channel_shuffle",)


def _shuffled(case: Case, v: Variances) -> Array:
    return elementwise.channel_shuffle(v["input"], groups=case.attributes["groups"])


def _convolution(case: Case, v: Variances) -> Array:
    squares, none = np.square(real(case, "weights")), np.zeros(case.tensors["weights"].shape[0])
    where = {key: case.attributes[key] for key in ("stride", "pad_tlbr", "groups")}
    if case.op == "deconv2d":
        return linear.deconv2d(v["input"], squares, none, **where)
    return linear.conv2d(v["input"], squares, none, dilation=case.attributes["dilation"], **where)


def _product(case: Case, v: Variances) -> Array:
    return linear.fully_connected(v["input"], np.square(real(case, "weights")), np.zeros(case.output_shape[-1]))


def _batch_product(case: Case, v: Variances) -> Array:
    a, b = np.square(real(case, "input")), np.square(real(case, "input2"))
    return np.asarray(np.matmul(v["input"], b) + np.matmul(a, v["input2"]))


def _relu(case: Case, v: Variances) -> Array:
    x, error = real(case, "input"), _SURE * np.sqrt(v["input"])
    through = x > -error
    if case.op == "relu6":
        through &= x < 6.0 + error
    return np.where(through, v["input"], 0.0)


def _max_pool(case: Case, v: Variances) -> Array:
    """The worst of the window: which element wins may be in doubt."""
    where = {key: case.attributes[key] for key in ("kernel", "stride", "pad_tlbr")}
    return pooling.max_pool2d(v["input"], **where)


def _average_pool(case: Case, v: Variances) -> Array:
    """Of n elements each counts 1/n: of a whole window, fewer at the edges."""
    where = {key: case.attributes[key] for key in ("kernel", "stride", "pad_tlbr")}
    inside = np.pad(np.ones((1, *v["input"].shape[1:3], 1)), _border(where["pad_tlbr"]))
    counted = pooling.average_pool2d(inside, kernel=where["kernel"], stride=where["stride"])
    count = counted * float(np.prod(where["kernel"]))
    return pooling.average_pool2d(v["input"], **where) / count


def _border(pad: tuple[int, int, int, int]) -> tuple[tuple[int, int], ...]:
    return (0, 0), (pad[0], pad[2]), (pad[1], pad[3]), (0, 0)


def _global_average(case: Case, v: Variances) -> Array:
    del case
    pixels: int = v["input"].shape[1] * v["input"].shape[2]
    return pooling.global_average_pool(v["input"]) / pixels


def _sum(case: Case, v: Variances) -> Array:
    del case
    return v["input"] + v["input2"]


def _sigmoid(case: Case, v: Variances) -> Array:
    y = elementwise.sigmoid(real(case, "input"))
    return np.square(y * (1 - y)) * v["input"]


def _softmax(case: Case, v: Variances) -> Array:
    """dy_i/dx_j = y_i ([i = j] - y_j)."""
    y = elementwise.softmax(real(case, "input"))
    shared = np.sum(np.square(y) * v["input"], axis=-1, keepdims=True)
    return np.asarray(np.square(y) * ((1 - 2 * y) * v["input"] + shared))


def _layer_norm(case: Case, v: Variances) -> Array:
    """dy_i/dx_j = w_i ([i = j] - 1/n - z_i z_j / n) / s, z being the normalised x."""
    x = real(case, "input")
    scale = np.sqrt(x.var(axis=-1, keepdims=True) + EPSILON)
    z = (x - x.mean(axis=-1, keepdims=True)) / scale
    mean = v["input"].mean(axis=-1, keepdims=True) / x.shape[-1]
    along = np.square(z) * (np.square(z) * v["input"]).mean(axis=-1, keepdims=True) / x.shape[-1]
    return np.asarray(np.square(real(case, "weights") / scale) * (v["input"] + mean + along))


def _interaction(case: Case, v: Variances) -> Array:
    x = np.square(real(case, "input"))
    i, j = np.tril_indices(x.shape[1], -1)
    crossed = np.matmul(x, v["input"].swapaxes(1, 2))
    both: Array = (crossed + crossed.swapaxes(1, 2))[:, i, j]
    return both


def _lstm(case: Case, v: Variances) -> Array:
    """Through the gates, each of slope at most 1/4 (tanh 1), to the cell, and from there to the output."""
    weights, c = real(case, "weights"), real(case, "cell")
    hidden = v.get("hidden", np.zeros(c.shape))
    gates = np.square(weights) @ np.concatenate([v["input"], hidden])
    values = (weights @ np.concatenate([real(case, "input"), real(case, "hidden")]) + real(case, "bias")).reshape(4, -1)
    i, f, o = (elementwise.sigmoid(values[at]) for at in (0, 1, 3))
    g = np.tanh(values[2])
    vi, vf, vg, vo = gates.reshape(4, -1)
    cell = np.square(f) * v.get("cell", np.zeros(c.shape)) + np.square(c * f * (1 - f)) * vf
    cell = cell + np.square(g * i * (1 - i)) * vi + np.square(i * (1 - np.square(g))) * vg
    memory = np.tanh(f * c + i * g)
    out = np.square(memory * o * (1 - o)) * vo + np.square(o * (1 - np.square(memory))) * cell
    return np.stack([out, cell])


def _rows(case: Case, v: Variances) -> Array:
    """Rows come from a table, and no layer before it errs."""
    del v
    return np.zeros(case.output_shape)


_SPREADS: Mapping[str, Callable[[Case, Variances], Array]] = {
    **dict.fromkeys(
        ("conv1d", "conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d", "deconv2d"), _convolution
    ),
    "gemm": _product,
    "batch_gemm": _batch_product,
    **dict.fromkeys(("relu", "relu6"), _relu),
    "max_pool2d": _max_pool,
    "average_pool2d": _average_pool,
    "global_average_pool": _global_average,
    "add": _sum,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "layer_norm": _layer_norm,
    "dot_interaction": _interaction,
    "lstm_cell": _lstm,
    "sparse_lengths_sum": _rows,
}


def with_activations(case: Case, values: Mapping[str, Array]) -> Case:
    """The case with these values in the place of its open tensors."""
    return replace(case, tensors={**case.tensors, **values})
