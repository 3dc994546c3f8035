"""XNNPACK of 2022 and of 2026 on this machine, through one binding and a real agent."""

import platform
import re
from dataclasses import replace

import numpy as np
import pytest

from ontarget.device_farm.libraries import fetch
from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.binding import Binding
from ontarget.harness.builds import parse_build
from ontarget.harness.errors import NotOffered, UnexpectedReturn
from ontarget.harness.metrics.accuracy import check
from ontarget.harness.outcomes import Outcome
from ontarget.suites.bindings import xnnpack
from ontarget.suites.cases import make_case, reference
from ontarget.suites.kernels import prepared
from ontarget.suites.layers import Layer, core, full
from support.stored_builds import StoredBuild

BINDING: Binding = xnnpack


def cheapest() -> list[tuple[Layer, str]]:
    """The least-work layer of the full table for each operator and dtype that the binding has."""
    found: dict[tuple[str, str], Layer] = {}
    for layer in sorted(full(), key=lambda layer: (layer.work, layer.id)):
        for dtype in layer.dtypes:
            if xnnpack.offers(layer.op, dtype) is None:
                found.setdefault((layer.op, dtype), layer)
    return [(layer, dtype) for (_, dtype), layer in found.items()]


OFFERED = cheapest()


def stored(session: AgentSession, name: str) -> StoredBuild:
    abi = Abi(platform.machine())
    bundle = parse_build([str(fetch(name, abi))], name, xnnpack.soname).bundle(abi)
    return StoredBuild.store(session, name, bundle.library.path, [needed.path for needed in bundle.dependencies])


@pytest.fixture(scope="module", params=["xnnpack-2022", "xnnpack-2026"])
def library(request: pytest.FixtureRequest, session: AgentSession) -> StoredBuild:
    return stored(session, request.param)


@pytest.fixture(scope="module")
def old(session: AgentSession) -> StoredBuild:
    return stored(session, "xnnpack-2022")


@pytest.fixture(scope="module")
def new(session: AgentSession) -> StoredBuild:
    return stored(session, "xnnpack-2026")


def layer_of(op: str) -> Layer:
    return next(layer for layer in core() if layer.op == op)


def test_the_smallest_layers_are_of_every_bound_operator() -> None:
    operators = {layer.op for layer, _ in OFFERED}
    assert len(operators) == 16
    assert {dtype for _, dtype in OFFERED} == {"f32", "f16", "qs8", "qu8"}


@pytest.mark.parametrize(("layer", "dtype"), OFFERED, ids=[f"{layer.op}-{dtype}" for layer, dtype in OFFERED])
def test_the_library_is_right(library: StoredBuild, layer: Layer, dtype: str) -> None:
    case = make_case(layer, dtype)
    expected = reference(case)
    run = prepared(BINDING, case)
    process = library.launch()
    if reason := xnnpack.lacks(layer.op, dtype, process.offers):
        with pytest.raises(NotOffered, match=re.escape(reason)):
            BINDING.prepare(process, case)
        return
    try:
        judged = check(run, library, library, expected=expected.values, tolerance=expected.tolerance)
    except NotOffered as refused:
        if dtype != "f16":
            raise
        pytest.skip(f"half precision takes a processor that has it: {refused}")
    assert judged.outcome is Outcome.PASS, judged.message


@pytest.mark.parametrize("dtype", ["qs8", "qu8"])
def test_what_no_table_has_in_8_bits_is_right_too(new: StoredBuild, dtype: str) -> None:
    case = make_case(layer_of("hardswish"), dtype)
    expected = reference(case)
    assert len(np.unique(np.rint(expected.values))) > 100  # most of the grid is used
    judged = check(prepared(BINDING, case), new, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.PASS, judged.message


@pytest.mark.parametrize("dtype", ["f32", "qs8"])
def test_it_is_right_on_several_threads(library: StoredBuild, dtype: str) -> None:
    case = make_case(layer_of("conv2d"), dtype)
    expected = reference(case)
    run = prepared(BINDING, case)
    judged = check(run, library, library, expected=expected.values, tolerance=expected.tolerance, threads=3)
    assert judged.outcome is Outcome.PASS, judged.message


def test_the_pool_has_the_threads_that_the_process_may_use(library: StoredBuild) -> None:
    process = library.launch(threads=3)
    count = "typedef struct pthreadpool *pthreadpool_t; size_t pthreadpool_get_threads_count(pthreadpool_t pool);"
    assert process.call(count, "pthreadpool_get_threads_count", xnnpack.thread_pool(process)) == 3
    assert xnnpack.thread_pool(library.launch()) is None


def test_another_references_result_is_wrong(library: StoredBuild) -> None:
    case = make_case(layer_of("sigmoid"), "qs8")
    expected = reference(case)
    shifted = replace(
        case, quantization={**case.quantization, "input": replace(case.quantization["input"], zero_point=4)}
    )
    judged = check(prepared(BINDING, shifted), library, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("op", "dtype", "reason"),
    [
        ("nms", "f32", "XNNPACK has no nms"),
        ("softmax", "qs8", "has no softmax in qs8; it has f32 and f16 and qu8"),
        ("average_pool2d", "qs8", "f32 and f16 and qu8"),
    ],
)
def test_what_the_library_lacks_has_a_reason(op: str, dtype: str, reason: str) -> None:
    assert reason in str(BINDING.offers(op, dtype))


def test_each_version_says_what_it_has_instead(old: StoredBuild, new: StoredBuild) -> None:
    assert xnnpack.lacks("average_pool2d", "f16", old.launch().offers) == (
        "XNNPACK of 2022 has no average_pool2d in f16; it has f32 and qu8"
    )
    assert xnnpack.lacks("average_pool2d", "qu8", new.launch().offers) == (
        "XNNPACK of 2026 has no average_pool2d in qu8; it has f32 and f16"
    )
    assert xnnpack.lacks("batch_gemm", "f32", old.launch().offers) == "XNNPACK of 2022 has no batch_gemm"


def test_a_version_with_other_arguments_is_not_called() -> None:
    of_2024 = {"xnn_create_weights_cache", "xnn_create_convolution2d_nhwc_f32", "xnn_reshape_convolution2d_nhwc_f32"}
    assert "between" in str(xnnpack.lacks("conv2d", "f32", of_2024.__contains__))


def test_one_version_is_compared_with_the_other(old: StoredBuild, new: StoredBuild) -> None:
    case = make_case(layer_of("conv2d"), "f32")
    expected = reference(case)
    judged = check(prepared(BINDING, case), new, old, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.PASS, judged.message
    assert judged.baseline is not None


def test_a_library_without_the_function_does_not_offer_it(old: StoredBuild) -> None:
    other = replace(old, library=old.dependencies[0], dependencies=(), label="cpuinfo")
    case = make_case(layer_of("softmax"), "f32")
    with pytest.raises(NotOffered, match="xnn_create_softmax_nc_f32"):
        BINDING.prepare(other.launch(), case)


def test_a_status_other_than_success_is_named(old: StoredBuild) -> None:
    case = make_case(layer_of("channel_shuffle"), "f32")
    alone = replace(case, attributes={**case.attributes, "groups": 1})
    with pytest.raises(UnexpectedReturn, match="xnn_create_channel_shuffle_nc_x32"):
        check(prepared(BINDING, alone), old, expected=np.zeros(case.output_shape))
