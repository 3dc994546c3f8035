"""The layer table that ships with the suites."""

import json
from collections import Counter
from importlib import resources

import pytest

from ontarget.suites.bindings import xnnpack
from ontarget.suites.kernels import parameters
from ontarget.suites.layers import APPLICATIONS, BadLayerTableError, core, full, parse
from ontarget.suites.references.linear import output_size

UNBOUND = {
    "sparse_lengths_sum": 2,
    "dot_interaction": 1,
    "layer_norm": 1,
    "lrn": 1,
    "lstm_cell": 1,
    "nms": 1,
    "roi_align": 1,
}


def table() -> dict[str, object]:
    text = resources.files("ontarget.suites.layers").joinpath("layers.json").read_text("utf-8")
    parsed: dict[str, object] = json.loads(text)
    return parsed


def test_the_core_suite_has_87_layers_of_which_xnnpack_has_79() -> None:
    reasons = {layer.id: xnnpack.offers(layer.op, "f32") for layer in core()}
    without = Counter(layer.op for layer in core() if reasons[layer.id] is not None)
    assert len(core()) == 87
    assert without == UNBOUND
    assert all(reason is None or "XNNPACK has no" in reason for reason in reasons.values())


def test_a_full_run_tests_every_layer_and_a_quick_one_the_core() -> None:
    everything = [parameter.id for name in APPLICATIONS for parameter in parameters(name, everything=True)]
    quick = [parameter.id for name in APPLICATIONS for parameter in parameters(name, everything=False)]
    assert len(full()) == 1620
    assert len({layer.op for layer in full()}) == 23
    assert len(set(everything)) == len(everything)
    assert set(quick) < set(everything)
    assert {f"{layer.id}-{dtype}" for layer in full() for dtype in layer.dtypes} == set(everything)


def test_every_application_of_the_paper_has_layers() -> None:
    assert {layer.application for layer in core()} == set(APPLICATIONS)


@pytest.mark.parametrize("layer", core(), ids=lambda layer: layer.id)
def test_every_layer_names_its_source_and_is_tested_in_f32(layer: object) -> None:
    from ontarget.suites.layers import Layer

    assert isinstance(layer, Layer)
    assert layer.source
    assert layer.provenance in {"copied", "derived"}
    assert "f32" in layer.dtypes


def test_windows_give_the_output_that_the_source_states() -> None:
    for layer in full():
        shape = layer.attributes
        if "pad_tlbr" in shape and layer.op != "deconv2d":
            dilation = shape.get("dilation", (1, 1))
            found = output_size(shape["input"][1:3], shape["kernel"], shape["stride"], dilation, shape["pad_tlbr"])
            assert found == shape["output"][1:3], layer.id


def test_a_shuffle_of_words_is_tested_as_f32_and_of_bytes_as_qs8() -> None:
    shuffles = [layer for layer in core() if layer.op == "channel_shuffle"]
    assert {layer.dtypes for layer in shuffles} == {layer.quick_dtypes for layer in shuffles} == {("f32", "qs8")}


def test_attributes_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        core()[0].attributes["groups"] = 2  # type: ignore[index]


def test_each_operator_and_dtype_has_one_smallest_layer() -> None:
    smallest: Counter[tuple[str, str]] = Counter()
    everything = set()
    for application in APPLICATIONS:
        for parameter in parameters(application, everything=False):
            kernel = next(mark for mark in parameter.marks if mark.name == "kernel").kwargs
            everything.add((kernel["operator"], kernel["dtype"]))
            if any(mark.name == "smallest" for mark in parameter.marks):
                smallest[kernel["operator"], kernel["dtype"]] += 1
    assert set(smallest) == everything
    assert set(smallest.values()) == {1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 1}, "version 2, found 1"),
        ({"layers": [{"id": "x"}]}, "layer x: missing"),
        ({"core": ["x"]}, "no \\['x'\\]"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(change: dict[str, object], message: str) -> None:
    with pytest.raises(BadLayerTableError, match=message):
        parse(json.dumps(table() | change))


def test_a_layer_given_twice_is_refused() -> None:
    rows = table()["layers"]
    assert isinstance(rows, list)
    with pytest.raises(BadLayerTableError, match="more than once"):
        parse(json.dumps({"version": 2, "core": [], "layers": [rows[0], rows[0]]}))


@pytest.mark.parametrize(("key", "value"), [("application", "cooking"), ("dtypes", ["f33"]), ("stray", 1)])
def test_an_unknown_word_in_a_layer_is_refused(key: str, value: object) -> None:
    rows = table()["layers"]
    assert isinstance(rows, list)
    with pytest.raises(BadLayerTableError, match=rows[0]["id"]):
        parse(json.dumps({"version": 2, "core": [], "layers": [rows[0] | {key: value}]}))
