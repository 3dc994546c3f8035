"""The float64 references against an independent implementation: ONNX Runtime's, on layers as the tables have them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ontarget.harness.binding import Case
from ontarget.suites.cases import make_case, reference
from ontarget.suites.layers import Layer, full
from ontarget.suites.operators import operators
from ontarget.suites.operators.normalisation import EPSILON, LRN
from ontarget.suites.references import detection

Arrays = Mapping[str, NDArray[Any]]
_TYPES = {np.dtype("float32"): TensorProto.FLOAT, np.dtype("int64"): TensorProto.INT64}


def run(operator: str, inputs: Arrays, output: int = TensorProto.FLOAT, **attributes: Any) -> NDArray[Any]:
    """One operator of ONNX on these inputs, in order; its first output."""
    graph = helper.make_graph(
        [helper.make_node(operator, list(inputs), ["result"], **attributes)],
        "one",
        [helper.make_tensor_value_info(name, _TYPES[value.dtype], value.shape) for name, value in inputs.items()],
        [helper.make_tensor_value_info("result", output, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: NDArray[Any] = session.run(None, dict(inputs))[0]
    return found


def nchw(x: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def nhwc(x: NDArray[Any]) -> NDArray[Any]:
    return x.transpose(0, 2, 3, 1)


def window(case: Case) -> dict[str, Any]:
    shape = case.attributes
    return {"kernel_shape": shape["kernel"], "strides": shape["stride"], "pads": shape["pad_tlbr"]}


def convolution(case: Case) -> NDArray[Any]:
    tensors = {"x": nchw(case.tensors["input"]), "w": nchw(case.tensors["weights"]), "b": case.tensors["bias"]}
    shape = case.attributes
    return nhwc(run("Conv", tensors, **window(case), dilations=shape["dilation"], group=shape["groups"]))


def deconvolution(case: Case) -> NDArray[Any]:
    weights = case.tensors["weights"].transpose(3, 0, 1, 2).transpose(0, 1, 2, 3)  # one group: [ci, co, kh, kw]
    tensors = {"x": nchw(case.tensors["input"]), "w": np.ascontiguousarray(weights), "b": case.tensors["bias"]}
    return nhwc(run("ConvTranspose", tensors, **window(case)))


def max_pool(case: Case) -> NDArray[Any]:
    return nhwc(run("MaxPool", {"x": nchw(case.tensors["input"])}, **window(case)))


def average_pool(case: Case) -> NDArray[Any]:
    return nhwc(run("AveragePool", {"x": nchw(case.tensors["input"])}, **window(case)))


def global_average(case: Case) -> NDArray[Any]:
    return nhwc(run("GlobalAveragePool", {"x": nchw(case.tensors["input"])}))


def gemm(case: Case) -> NDArray[Any]:
    tensors = {"x": case.tensors["input"], "w": case.tensors["weights"], "b": case.tensors["bias"]}
    return run("Gemm", tensors, transB=1)


def batch_gemm(case: Case) -> NDArray[Any]:
    return run("MatMul", {"a": case.tensors["input"], "b": case.tensors["input2"]})


def add(case: Case) -> NDArray[Any]:
    return run("Add", {"a": case.tensors["input"], "b": case.tensors["input2"]})


def one_input(operator: str, **attributes: Any) -> Any:
    return lambda case: run(operator, {"x": case.tensors["input"]}, **attributes)


def shuffle(case: Case) -> NDArray[Any]:
    """By reshape and transpose of ONNX, as exporters write it."""
    x, groups = case.tensors["input"], case.attributes["groups"]
    apart = x.reshape(x.shape[0], groups, -1)
    return run("Transpose", {"x": apart}, perm=[0, 2, 1]).reshape(x.shape)


def lrn(case: Case) -> NDArray[Any]:
    size, x = int(LRN["size"]), {"x": nchw(case.tensors["input"])}
    return nhwc(run("LRN", x, size=size, alpha=LRN["alpha"], beta=LRN["beta"], bias=LRN["k"]))


def layer_norm(case: Case) -> NDArray[Any]:
    tensors = {"x": case.tensors["input"], "scale": case.tensors["weights"], "b": case.tensors["bias"]}
    return run("LayerNormalization", tensors, epsilon=EPSILON)


def roi_align(case: Case) -> NDArray[Any]:
    boxes = np.ascontiguousarray(case.tensors["boxes"][:, [1, 0, 3, 2]])  # ONNX: x before y
    tensors = {"x": nchw(case.tensors["input"]), "rois": boxes, "batch": np.zeros(len(boxes), np.int64)}
    height, width = case.attributes["output"][1:3]
    attributes = {"output_height": height, "output_width": width, "spatial_scale": 0.25}
    sampling = case.attributes["sampling_ratio"]
    return nhwc(
        run(
            "RoiAlign",
            tensors,
            **attributes,
            sampling_ratio=sampling,
            coordinate_transformation_mode="half_pixel",
        )
    )


def nms(case: Case) -> NDArray[Any]:
    count = len(case.tensors["input"])
    tensors = {
        "boxes": case.tensors["input"][None],
        "scores": case.tensors["scores"][None, None],
        "most": np.array([count], np.int64),
        "iou": np.array([case.attributes["iou"]], np.float32),
    }
    chosen = run("NonMaxSuppression", tensors, output=TensorProto.INT64)[:, 2]
    kept = np.zeros(count)
    kept[chosen] = 1
    return kept


def lstm(case: Case) -> NDArray[Any]:
    """ONNX has its gates in the order i, o, f, c, and hands out h of the only step."""
    inputs = case.attributes["input_size"]
    order = [0, 3, 1, 2]
    gates = case.tensors["weights"].reshape(4, -1, case.tensors["weights"].shape[1])[order]
    weights = gates.reshape(1, -1, gates.shape[-1])
    bias = case.tensors["bias"].reshape(4, -1)[order].reshape(1, -1)
    tensors = {
        "x": case.tensors["input"][None, None],
        "w": np.ascontiguousarray(weights[:, :, :inputs]),
        "r": np.ascontiguousarray(weights[:, :, inputs:]),
        "b": np.concatenate([bias, np.zeros_like(bias)], axis=1),
        "lengths": np.array([1], np.int32),
        "h": case.tensors["hidden"][None, None],
        "c": case.tensors["cell"][None, None],
    }
    graph = helper.make_graph(
        [helper.make_node("LSTM", list(tensors), ["", "h_out", "c_out"], hidden_size=case.attributes["hidden"])],
        "one",
        [
            helper.make_tensor_value_info(
                name, TensorProto.INT32 if value.dtype == np.int32 else TensorProto.FLOAT, value.shape
            )
            for name, value in tensors.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("h_out", "c_out")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    h, c = session.run(None, tensors)
    return np.stack([h.ravel(), c.ravel()])


PEERS = {
    **dict.fromkeys(
        ("conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d", "conv1d"),
        convolution,
    ),
    "deconv2d": deconvolution,
    "gemm": gemm,
    "batch_gemm": batch_gemm,
    "max_pool2d": max_pool,
    "average_pool2d": average_pool,
    "global_average_pool": global_average,
    "add": add,
    "sigmoid": one_input("Sigmoid"),
    "hardswish": one_input("HardSwish"),
    "softmax": one_input("Softmax", axis=-1),
    "channel_shuffle": shuffle,
    "lrn": lrn,
    "layer_norm": layer_norm,
    "roi_align": roi_align,
    "nms": nms,
    "lstm_cell": lstm,
}
# ONNX has neither: they are worked by hand in test_references.py.
WITHOUT_PEER = {"sparse_lengths_sum", "dot_interaction"}


def cheapest(count: int) -> list[Layer]:
    """Of each operator with a peer, the layers of least work, of unlike shapes."""
    chosen: dict[str, list[Layer]] = {}
    for layer in sorted(full(), key=lambda layer: (layer.work, layer.id)):
        some = chosen.setdefault(layer.op, [])
        if layer.op in PEERS and len(some) < count and all(one.attributes != layer.attributes for one in some):
            some.append(layer)
    return [layer for some in chosen.values() for layer in some]


@pytest.mark.parametrize("layer", cheapest(4), ids=lambda layer: layer.id)
def test_a_reference_is_onnx_runtimes(layer: Layer) -> None:
    case = make_case(layer, "f32")
    expected = reference(case)
    found = PEERS[layer.op](case).reshape(expected.values.shape)
    allowed = np.broadcast_to(expected.tolerance.allowed(expected.values, np.dtype("float32")), found.shape)
    # The peer computes in float32, some of it by quick approximations: a wrong reference is off by far more than that.
    assert np.all(np.abs(found - expected.values) <= 4 * allowed + 2e-7), layer.id


def test_every_operator_has_a_peer_or_is_worked_by_hand() -> None:
    assert operators().keys() == {layer.op for layer in full()} == PEERS.keys() | WITHOUT_PEER


def test_no_overlap_of_a_table_s_boxes_is_within_rounding_of_the_threshold() -> None:
    """Else a library could rightly keep another box."""
    layer = next(layer for layer in full() if layer.op == "nms")
    case = make_case(layer, "f32")
    boxes, scores = case.tensors["input"].astype("f8"), case.tensors["scores"].astype("f8")
    kept = [detection.nms(boxes, scores, iou=layer.attributes["iou"] + shift) for shift in (-1e-5, 0.0, 1e-5)]
    assert np.array_equal(kept[0], kept[1])
    assert np.array_equal(kept[1], kept[2])
    assert 0.1 < kept[1].mean() < 0.9
