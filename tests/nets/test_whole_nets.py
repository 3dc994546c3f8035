"""Whole nets on this machine: wired as their sources say, right end to end, and wrong where a layer is."""

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ontarget.device_farm.libraries import fetch
from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.binding import Binding, Case
from ontarget.harness.builds import parse_build
from ontarget.harness.errors import NotOffered
from ontarget.harness.metrics.accuracy import check
from ontarget.harness.metrics.shares import shared, step_times, to_csv, to_json
from ontarget.harness.metrics.tolerance import Exact
from ontarget.harness.outcomes import Outcome
from ontarget.suites.bindings import xnnpack
from ontarget.suites.kernels import prepared as one_layer
from ontarget.suites.layers import full
from ontarget.suites.nets.building import Built, build
from ontarget.suites.nets.chain import reference, through
from ontarget.suites.nets.errors import spread, with_activations
from ontarget.suites.nets.operators import expect
from ontarget.suites.nets.running import prepared
from ontarget.suites.nets.tables import BadNetError, nets, parse
from ontarget.suites.operators import operators
from ontarget.suites.operators.draft import Array
from support.c_libraries import compile_library
from support.naive_kernels import SOURCE, NaiveBinding
from support.stored_builds import StoredBuild, local_session

XNNPACK: Binding = xnnpack
NAIVE: Binding = NaiveBinding()
ON_NAIVE = ("dlrm", "rnnt", "transformer")
ON_XNNPACK = tuple(name for name in nets() if name not in ON_NAIVE)
# What a net's table has as another operator than the layers it is made of.
_JOINED = ("relu", "relu6", "concat", "slice", "reshape", "transpose", "add", "softmax", "sigmoid")


@pytest.fixture(scope="module")
def session() -> Iterator[AgentSession]:
    with local_session() as started:
        yield started


def stored(session: AgentSession, name: str) -> StoredBuild:
    abi = Abi(platform.machine())
    bundle = parse_build([str(fetch(name, abi))], name, xnnpack.soname).bundle(abi)
    return StoredBuild.store(session, name, bundle.library.path, [needed.path for needed in bundle.dependencies])


@pytest.fixture(scope="module", params=["xnnpack-2022", "xnnpack-2026"])
def library(request: pytest.FixtureRequest, session: AgentSession) -> StoredBuild:
    return stored(session, request.param)


@pytest.fixture(scope="module")
def debians(session: AgentSession) -> StoredBuild:
    return stored(session, "xnnpack-2022")


@pytest.fixture(scope="module")
def naive(session: AgentSession, tmp_path_factory: pytest.TempPathFactory) -> StoredBuild:
    return StoredBuild.store(session, "naive", compile_library(SOURCE, tmp_path_factory.mktemp("naive"), "naive"))


def small(name: str) -> Built:
    return build(nets()[name], "small")


@pytest.mark.parametrize("name", ON_XNNPACK)
def test_a_net_is_right_from_end_to_end(library: StoredBuild, name: str) -> None:
    expected = reference(small(name))
    call = prepared(XNNPACK, small(name))
    judged = check(call, library, library, expected=expected.values, tolerance=expected.tolerance, threads=2)
    assert judged.outcome is Outcome.PASS, judged.message
    assert judged.candidate.elements == expected.values.size


@pytest.mark.parametrize("name", ON_NAIVE)
def test_a_net_that_xnnpack_has_no_operators_for_is_right_on_another_library(naive: StoredBuild, name: str) -> None:
    expected = reference(small(name))
    judged = check(prepared(NAIVE, small(name)), naive, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.PASS, judged.message


@pytest.mark.parametrize(("name", "missing"), [("dlrm", "dot_interaction"), ("rnnt", "lstm_cell")])
def test_what_a_net_misses_is_named(name: str, missing: str) -> None:
    with pytest.raises(NotOffered, match=f"{name}: .*{missing} not offered"):
        prepared(XNNPACK, small(name))


def test_one_wrong_gate_among_42_layers_is_seen_at_the_end(session: AgentSession, tmp_path: Path) -> None:
    wrong = compile_library(SOURCE, tmp_path, "wrong", defines=("WRONG_GATE",))
    build_of_it = StoredBuild.store(session, "wrong", wrong)
    expected = reference(small("rnnt"))
    judged = check(prepared(NAIVE, small("rnnt")), build_of_it, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.WRONG


@pytest.mark.parametrize("name", ["googlenet", "mobilenet", "unet"])
def test_one_wrong_weight_in_the_middle_is_seen_at_the_end(debians: StoredBuild, name: str) -> None:
    built = small(name)
    products = [at for at, step in enumerate(built.steps) if "conv" in step.case.op]
    middle = products[len(products) // 2]
    step = built.steps[middle]
    weights = step.case.tensors["weights"].copy()
    weights.flat[0] += 4 * np.abs(weights).max()
    changed = replace(step, case=with_activations(step.case, {"weights": weights}))
    bad = replace(built, steps=(*built.steps[:middle], changed, *built.steps[middle + 1 :]))
    expected = reference(built)
    judged = check(prepared(XNNPACK, bad), debians, expected=expected.values, tolerance=expected.tolerance)
    assert judged.outcome is Outcome.WRONG


JOINING: Mapping[str, tuple[tuple[int, ...], Mapping[str, Any], tuple[int, ...]]] = {
    "relu": ((3, 5), {}, (3, 5)),
    "relu6": ((2, 1, 7), {}, (2, 1, 7)),
    "slice": ((4, 9), {"begin": 3, "channels": 3}, (4, 3)),
    "concat": ((4, 9), {}, (4, 18)),
    "transpose": ((2, 3, 5), {"order": (2, 0, 1)}, (5, 2, 3)),
}


@pytest.mark.parametrize("op", JOINING)
def test_what_joins_layers_moves_every_number_to_its_place(library: StoredBuild, op: str) -> None:
    shape, attributes, output = JOINING[op]
    x = 4 * np.random.default_rng(2).standard_normal((2, *shape)).astype(np.float32)
    tensors = {"input": x[0], **({"input2": x[1]} if op == "concat" else {})}
    case = Case(op, "f32", f"net/{op}", {"input": shape, **attributes}, tensors, output, "float32")
    if op == "transpose" and library.label == "xnnpack-2022":
        with pytest.raises(NotOffered, match="XNNPACK of 2022 has no transpose"):
            XNNPACK.prepare(library.launch(), case)
        return
    judged = check(one_layer(XNNPACK, case), library, expected=expect(case).values, tolerance=Exact())
    assert judged.outcome is Outcome.PASS, judged.message


def test_every_activation_can_be_read_and_is_near_its_reference(debians: StoredBuild) -> None:
    built = small("tcn")
    values, variances = through(built)
    process = debians.launch()
    chain = prepared(XNNPACK, built)(process)
    process.run(chain)
    for step in built.steps:
        found = process.read(chain.buffers[step.node.name]).reshape(step.case.output_shape).astype(np.float64)
        deviation = np.sqrt(variances[step.node.name]) + 1e-12
        assert np.max(np.abs(found - values[step.node.name]) / deviation) < 8, step.node.name
    process.close()


def test_steps_are_timed_each_in_its_place(debians: StoredBuild) -> None:
    process = debians.launch()
    chain = prepared(XNNPACK, small("tcn"))(process)
    times = step_times(chain, rounds=3)
    assert [one.name for one in times] == list(chain.steps)
    assert sum(one.share for one in times) == pytest.approx(1.0)
    assert all(one.nanoseconds >= 0 for one in times)
    with pytest.raises(ValueError, match="no chain"):
        step_times(chain.steps["enc0"])
    process.close()


def test_shares_are_of_the_sum() -> None:
    times = shared(["a", "b"], [30.0, 10.0])
    assert [one.share for one in times] == [0.75, 0.25]
    table = to_csv(to_json({"candidate": times, "baseline": shared(["a", "b"], [10.0, 10.0])}))
    assert table.splitlines() == [
        "step,candidate ns,candidate share,baseline ns,baseline share",
        "a,30.0,0.75,10.0,0.5",
        "b,10.0,0.25,10.0,0.5",
    ]


@pytest.mark.parametrize("name", list(nets()))
def test_in_full_size_its_layers_are_those_of_the_layer_table(name: str) -> None:
    """Each product, pooling and shuffle of the net is a layer that its source has, with the same shapes."""
    net = nets()[name]
    keys = ("input", "output", "kernel", "stride", "pad_tlbr", "groups", "m", "n", "k", "pixels", "hidden", "features")

    def shape(op: str, attributes: Mapping[str, object]) -> tuple[object, ...]:
        return (op, *((key, attributes[key]) for key in keys if attributes.get(key) is not None))

    table = {shape(layer.op, layer.attributes) for layer in full() if layer.net == net.layers}
    steps = [step for step in build(net, "full").steps if step.node.op not in _JOINED]
    strangers = [step.node.name for step in steps if shape(step.case.op, step.case.attributes) not in table]
    assert Counter(strangers) == Counter(STRANGERS.get(name, ()))


STRANGERS = {
    # the pooling of all pixels stands for one of 7x7
    "googlenet": ["pool5"],
    # their sources list no pooling
    "mobilenet": ["pool"],
    "tcn": ["pool0", "pool1"],
}


def test_errors_add_up_as_they_do_when_they_are_drawn() -> None:
    """The variance of a layer's output, against that of many noisy inputs: normal noise of the same deviation."""
    rng = np.random.default_rng(1)
    held = {"conv1d": "tcn", "layer_norm": "transformer", "softmax": "transformer", "lstm_cell": "rnnt"}
    for op, name in held.items():
        built = small(name)
        values, _ = through(built)
        step = next(step for step in built.steps if step.case.op == op)
        given = {key: values[one].reshape(step.case.tensors[key].shape) for key, one in step.feeds.items()}
        case = with_activations(step.case, given)
        told = spread(case, {key: np.full(x.shape, 1e-8) for key, x in given.items()})
        drawn = np.var([_noisy(case, given, rng) for _ in range(200)], axis=0)
        assert np.mean(drawn) == pytest.approx(np.mean(told), rel=0.2), op


def _noisy(case: Case, given: dict[str, Array], rng: np.random.Generator) -> Array:
    noisy = {key: x + 1e-4 * rng.standard_normal(x.shape) for key, x in given.items()}
    return operators()[case.op].expect(with_activations(case, noisy)).values


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ('[["a", "relu", ["later"], {}]]', "a is fed by"),
        ('[["a", "relu", ["input"], {}], ["a", "relu", ["input"], {}]]', "a is there twice"),
    ],
)
def test_a_table_that_is_wired_wrongly_is_refused(nodes: str, message: str) -> None:
    sizes = '{"small": {"inputs": {"input": [1, 4]}}, "full": {"inputs": {"input": [1, 4]}}}'
    text = (
        '{"version": 1, "name": "x", "application": "speech", "layers": "", "source": "", "note": "", '
        f'"sizes": {sizes}, "nodes": {nodes}}}'
    )
    with pytest.raises(BadNetError, match=message):
        parse(text)


def test_shapes_that_do_not_go_together_are_refused_by_node() -> None:
    net = nets()["tcn"]
    broken = replace(net, nodes=(*net.nodes, replace(net.nodes[0], name="odd", op="gemm", inputs=("enc0",))))
    with pytest.raises(BadNetError, match=r"tcn: odd \(gemm\)"):
        build(broken, "small")
