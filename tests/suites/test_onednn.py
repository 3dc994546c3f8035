"""Debian's oneDNN on this machine, through its binding and a real agent."""

import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ontarget.device_farm.boards import Board
from ontarget.device_farm.libraries import fetch
from ontarget.harness.abi import Abi
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.agent.session import AgentSession, Fence
from ontarget.harness.binding import Binding, Case
from ontarget.harness.builds import parse_build
from ontarget.harness.errors import NotOffered, UnexpectedReturn
from ontarget.harness.metrics.accuracy import check
from ontarget.harness.outcomes import Outcome
from ontarget.suites.bindings import onednn
from ontarget.suites.cases import make_case, reference
from ontarget.suites.kernels import prepared
from ontarget.suites.layers import Layer, core, full
from ontarget.suites.nets.building import build
from ontarget.suites.nets.chain import reference as reference_of_net
from ontarget.suites.nets.operators import expect
from ontarget.suites.nets.running import prepared as prepared_net
from ontarget.suites.nets.tables import nets
from support.boards import connected
from support.stored_builds import StoredBuild

BINDING: Binding = onednn


def cheapest() -> list[tuple[Layer, str]]:
    """The least-work layer of the full table for each operator and dtype that the binding has."""
    found: dict[tuple[str, str], Layer] = {}
    for layer in sorted(full(), key=lambda layer: (layer.work, layer.id)):
        for dtype in layer.dtypes:
            if onednn.offers(layer.op, dtype) is None:
                found.setdefault((layer.op, dtype), layer)
    return [(layer, dtype) for (_, dtype), layer in found.items()]


OFFERED = cheapest()
ON_X86 = platform.machine() == "x86_64"
# Without it oneDNN sums pairs of 8-bit products in 16 bits, where they saturate, as its documentation says ("Nuances of
# int8 computations").
HAS_VNNI = not ON_X86 or "avx512_vnni" in Path("/proc/cpuinfo").read_text()
PRODUCTS = {"conv1d", "conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d", "deconv2d", "gemm"}


@pytest.fixture(scope="module")
def library(session: AgentSession) -> StoredBuild:
    return stored(session, Abi(platform.machine()))


def stored(session: AgentSession, abi: Abi) -> StoredBuild:
    bundle = parse_build([str(fetch("onednn", abi))], "onednn", onednn.soname).bundle(abi)
    return StoredBuild.store(session, "onednn", bundle.library.path, [needed.path for needed in bundle.dependencies])


def layer_of(op: str) -> Layer:
    return next(layer for layer in core() if layer.op == op)


def test_the_smallest_layers_are_of_every_bound_operator_of_the_suites() -> None:
    assert len({layer.op for layer, _ in OFFERED}) == 19
    assert {dtype for _, dtype in OFFERED} == {"f32", "qs8", "qu8"}


@pytest.mark.parametrize(("layer", "dtype"), OFFERED, ids=[f"{layer.op}-{dtype}" for layer, dtype in OFFERED])
def test_the_library_is_right(library: StoredBuild, layer: Layer, dtype: str) -> None:
    if dtype != "f32" and layer.op in PRODUCTS and not HAS_VNNI:
        pytest.skip("this processor has no AVX512-VNNI: oneDNN's 8-bit products saturate")
    case = make_case(layer, dtype)
    expected = reference(case)
    judged = check(prepared(BINDING, case), library, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.PASS, judged.message


@pytest.mark.skipif(not ON_X86, reason="only x86's instructions saturate")
@pytest.mark.parametrize(("op", "dtype", "outcome"), [("conv1d", "qu8", "wrong"), ("lstm_cell", "f32", "pass")])
def test_on_an_older_processor_its_8_bit_sums_saturate_and_are_found(
    library: StoredBuild, op: str, dtype: str, outcome: str
) -> None:
    case = make_case(next(layer for layer, kind in OFFERED if (layer.op, kind) == (op, dtype)), dtype)
    expected = reference(case)

    def call(process: Process) -> Bound:
        avx2 = 0x7
        process.send("int dnnl_set_max_cpu_isa(int isa);", "dnnl_set_max_cpu_isa", avx2, returns=0)
        return prepared(BINDING, case)(process)

    judged = check(call, library, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome == Outcome(outcome), judged.message


def joining(op: str, shapes: list[tuple[int, ...]], output: tuple[int, ...], **attributes: Any) -> Case:
    rng = np.random.default_rng(5)
    keys = ["input", *(f"input{at}" for at in range(2, len(shapes) + 1))]
    tensors = {
        key: (5 * rng.standard_normal(shape)).astype(np.float32) for key, shape in zip(keys, shapes, strict=True)
    }
    return Case(op, "f32", op, {"input": shapes[0], **attributes}, tensors, output, "float32")


@pytest.mark.parametrize(
    "case",
    [
        joining("relu", [(2, 3, 5)], (2, 3, 5)),
        joining("relu6", [(2, 3, 5)], (2, 3, 5)),
        joining("concat", [(2, 3, 5), (2, 3, 1), (2, 3, 8)], (2, 3, 14)),
        joining("slice", [(2, 3, 7)], (2, 3, 4), begin=2, channels=4),
        joining("transpose", [(2, 3, 7)], (7, 2, 3), order=(2, 0, 1)),
    ],
    ids=lambda case: case.op,
)
def test_what_joins_layers_is_exact(library: StoredBuild, case: Case) -> None:
    expected = expect(case)
    judged = check(prepared(BINDING, case), library, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.PASS, judged.message


@pytest.mark.parametrize("name", ["mask_rcnn_box_head", "rnnt", "shufflenet", "transformer"])
def test_a_net_is_right_from_end_to_end(library: StoredBuild, name: str) -> None:
    net = build(nets()[name], "small")
    expected = reference_of_net(net)
    judged = check(prepared_net(BINDING, net), library, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.PASS, judged.message


def test_it_is_right_on_several_threads(library: StoredBuild) -> None:
    case = make_case(layer_of("conv2d"), "f32")
    expected = reference(case)
    run = prepared(BINDING, case)
    judged = check(run, library, library, expected=expected.values, tolerance=expected.tolerance, threads=3)
    assert judged.outcome is Outcome.PASS, judged.message


def test_openmp_has_the_threads_that_the_process_may_use(library: StoredBuild) -> None:
    process = library.launch(threads=3)
    onednn.start(process)
    assert process.call("int omp_get_max_threads(void);", "omp_get_max_threads") == 3


def test_another_references_result_is_wrong(library: StoredBuild) -> None:
    case = make_case(layer_of("gemm"), "qs8")
    expected = reference(case)
    shifted = replace(
        case, quantization={**case.quantization, "input": replace(case.quantization["input"], zero_point=4)}
    )
    judged = check(prepared(BINDING, shifted), library, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.WRONG


def test_a_layer_is_made_run_and_freed_many_times_in_one_process(library: StoredBuild) -> None:
    case = make_case(layer_of("gemm"), "f32")
    process = library.launch()
    onednn.start(process)
    results = []
    for _ in range(3):
        bound = onednn.prepare(process, case)
        process.run(bound)
        results.append(process.read(bound.buffers["output"]))
        assert bound.cleanup is not None
        process.run(bound.cleanup)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_arguments_that_it_refuses_are_named(library: StoredBuild) -> None:
    case = make_case(layer_of("max_pool2d"), "f32")
    impossible = replace(case, output_shape=(*case.output_shape[:3], case.output_shape[3] + 1))
    process = library.launch()
    with pytest.raises(UnexpectedReturn, match="dnnl_pooling_forward_desc_init in process onednn returned 2"):
        onednn.prepare(process, impossible)


@pytest.mark.parametrize(
    ("op", "dtype", "reason"),
    [("nms", "f32", "oneDNN has no nms"), ("conv2d", "f16", "no f16"), ("softmax", "qu8", "no softmax in qu8")],
)
def test_what_the_library_lacks_has_a_reason(op: str, dtype: str, reason: str) -> None:
    assert reason in str(BINDING.offers(op, dtype))


def test_a_library_without_the_function_does_not_offer_it(library: StoredBuild) -> None:
    gomp = next(needed for needed in library.dependencies if "gomp" in str(needed))
    other = replace(library, library=gomp, dependencies=(), label="gomp")
    with pytest.raises(NotOffered, match="dnnl_inner_product_forward_desc_init: oneDNN 3"):
        onednn.prepare(other.launch(), make_case(layer_of("gemm"), "f32"))


def test_debians_for_arm_is_right_on_a_board(shared_board: Callable[[str], Board]) -> None:
    board = shared_board("virtual-cortex-a53")
    with connected(board) as transport:
        session = AgentSession.start(
            transport, device=board.name, root="/tmp/onednn-tests", fence=Fence("onednn tests", 1)
        )
        session.slowness = 20.0  # its clock counts instructions
        library = stored(session, Abi.AARCH64)
        for op, dtype in (("average_pool2d", "f32"), ("add", "qs8"), ("gemm", "f32"), ("layer_norm", "f32")):
            layer = next(layer for layer, kind in OFFERED if (layer.op, kind) == (op, dtype))
            case = make_case(layer, dtype)
            expected = reference(case)
            judged = check(prepared(BINDING, case), library, expected=expected.values, tolerance=expected.tolerance)
            assert judged.outcome is Outcome.PASS, f"{op} {dtype}: {judged.message}"
        session.close()
