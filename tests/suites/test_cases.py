"""The inputs that the suites make, and what they expect of them."""

import numpy as np
import pytest

from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.tolerance import FloatSum, WithinLsb
from ontarget.suites.bindings import xnnpack
from ontarget.suites.cases import make_case, reference
from ontarget.suites.layers import Layer, core, full

OFFERED = [
    (layer, dtype) for layer in core() for dtype in layer.quick_dtypes if xnnpack.offers(layer.op, dtype) is None
]
SMALL = [(layer, dtype) for layer, dtype in OFFERED if layer.macs < 3_000_000]


def name(value: object) -> str:
    return value.id if isinstance(value, Layer) else str(value)


def test_how_much_of_the_core_suite_is_run() -> None:
    dtypes = [dtype for _, dtype in OFFERED]
    assert (dtypes.count("f32"), dtypes.count("qs8")) == (79, 70)


@pytest.mark.parametrize(("layer", "dtype"), SMALL, ids=name)
def test_a_case_is_whole_and_its_reference_fits_it(layer: Layer, dtype: str) -> None:
    case = make_case(layer, dtype)
    expected = reference(case)
    assert expected.values.shape == case.output_shape or expected.values.size == np.prod(case.output_shape)
    assert expected.values.dtype == np.float64
    assert np.all(np.isfinite(expected.values))
    assert case.output_dtype == {"f32": "float32", "qs8": "int8"}[dtype]
    assert all(tensor.flags.c_contiguous for tensor in case.tensors.values())


@pytest.mark.parametrize(("layer", "dtype"), [pair for pair in SMALL if pair[1] == "qs8"], ids=name)
def test_quantised_results_use_the_range_and_saturate_seldom(layer: Layer, dtype: str) -> None:
    expected = reference(make_case(layer, dtype)).values
    assert expected.std() > 15
    assert np.mean((expected > 127.5) | (expected < -128.5)) < 0.01


def test_a_seed_gives_the_same_case_again_and_each_layer_and_dtype_its_own() -> None:
    layer = next(layer for layer in core() if layer.op == "sigmoid")
    first, again = make_case(layer, "f32"), make_case(layer, "f32")
    np.testing.assert_array_equal(first.tensors["input"], again.tensors["input"])
    assert np.any(first.tensors["input"] != make_case(layer, "f32", seed=1).tensors["input"])
    gemms = [make_case(layer, "qs8").tensors["input"].ravel()[:64] for layer in core() if layer.op == "gemm"][:2]
    assert np.any(gemms[0] != gemms[1])


def test_a_forgotten_zero_point_shows() -> None:
    layer = next(layer for layer in core() if layer.op == "depthwise_conv2d")
    case = make_case(layer, "qs8")
    assert all(case.quantization[tensor].zero_point != 0 for tensor in ("input", "output"))
    assert isinstance(reference(case).tolerance, WithinLsb)


def test_a_sums_tolerance_knows_its_terms_and_magnitude() -> None:
    layer = next(layer for layer in core() if layer.op == "gemm")
    expected = reference(make_case(layer, "f32"))
    assert isinstance(expected.tolerance, FloatSum)
    assert expected.tolerance.terms == layer.attributes["k"] + 1
    assert np.all(np.asarray(expected.tolerance.magnitude) >= np.abs(expected.values))


def test_a_sum_over_many_classes_may_err_more_than_one_over_few() -> None:
    def allowed(layer: Layer) -> float:
        expected = reference(make_case(layer, "f32"))
        share = np.asarray(expected.tolerance.allowed(expected.values, np.dtype("f4"))) / expected.values
        return float(share.min()) / float(np.finfo("f4").eps)

    few, many = (
        next(layer for layer in full() if layer.op == "softmax" and layer.attributes["input"][-1] == classes)
        for classes in (1000, 21841)
    )
    assert 20 < allowed(few) < 100 < allowed(many) < 1000


def test_a_dtype_that_nothing_is_known_of_is_not_offered() -> None:
    layer = next(layer for layer in core() if layer.op == "nms")
    with pytest.raises(NotOffered, match="nms in qs8"):
        make_case(layer, "qs8")
